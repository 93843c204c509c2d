/** Entries that count as nothing: how many, and a few of their keys, cut to 100 characters. */
export interface Strays {
  readonly count: number;
  readonly keys: readonly string[];
}

/** The least time between two reports, in milliseconds. */
const QUIET_MS = 60_000;

/**
 * Takes the keys of all strays at each look, and reports them when their number has changed, at most once a minute: any
 * client of the store chooses their number and their keys, and must not fill the log. `now` in Unix milliseconds.
 */
export function createStrayReport(
  now: () => number,
  report: (strays: Strays) => void,
): (keys: readonly string[]) => void {
  let last = { count: 0, at: Number.NEGATIVE_INFINITY };
  return (keys) => {
    if (keys.length === last.count || Math.abs(now() - last.at) < QUIET_MS) return;
    last = { count: keys.length, at: now() };
    if (keys.length > 0) report({ count: keys.length, keys: keys.slice(0, 5).map((key) => key.slice(0, 100)) });
  };
}
