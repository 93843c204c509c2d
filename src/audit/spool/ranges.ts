/** Consecutive events of a spool, by the numbers of the first and the last. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** What is between `first` and `last` and in none of the ranges, which may be in any order and overlap. */
export function uncovered({ first, last }: Range, ranges: readonly Range[]): Range[] {
  const holes: Range[] = [];
  let next = first;
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    if (range.first > next) holes.push({ first: next, last: range.first - 1 });
    next = Math.max(next, range.last + 1);
  }
  if (next <= last) holes.push({ first: next, last });
  return holes;
}

/** For operators: `8-12,20-20`. */
export function rangesText(ranges: readonly Range[]): string {
  return ranges.map(({ first, last }) => `${first}-${last}`).join(",");
}
