/** How many reports are let through, and in how many milliseconds. */
const MOST = 20;
const PERIOD_MS = 60_000;

/**
 * Bounds the reports of what any client of the store can cause, so that none fills the log. The result says whether one
 * more may be made: of all at most 20 in a minute. `now` in Unix milliseconds.
 */
export function createReportLimit(now: () => number): () => boolean {
  let since = Number.NEGATIVE_INFINITY;
  let count = 0;
  return () => {
    const time = now();
    // A clock that was set back must not end the reports.
    if (Math.abs(time - since) >= PERIOD_MS) {
      since = time;
      count = 0;
    }
    count += 1;
    return count <= MOST;
  };
}
