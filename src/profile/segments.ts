/**
 * Whether an id fits a pattern, both split at `/`: a segment stands for itself, `*` for any one segment, and a `*` at the
 * end for one or more. No `*` takes an empty segment: `a//b` names something else in every other parser.
 */
export function segmentsMatch(pattern: string, id: string): boolean {
  const wanted = pattern.split("/");
  const given = id.split("/");
  const open = wanted.at(-1) === "*";
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false;
  return given.every((segment, index) => {
    const want = index < wanted.length ? wanted[index] : "*";
    return want === "*" ? segment !== "" : segment === want;
  });
}
