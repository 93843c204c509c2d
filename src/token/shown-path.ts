/** A path within a JSON value as text. Its names may be chosen by whoever made the value: long ones are cut. */
export function shownPath(path: readonly (string | number)[]): string {
  return path.map((part) => String(part).slice(0, 64).toWellFormed()).join(".");
}
