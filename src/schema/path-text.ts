/** A path into a JSON value, as `claims.list[0].name`. A name of digits looks like an index. */
export function pathText(path: readonly (string | number)[]): string {
  return path.map(String).reduce((text, part) => {
    if (/^\d+$/.test(part)) return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}
