const LEAST_MS = 250;
const MOST_MS = 5000;

/**
 * Milliseconds to wait after the nth failure in a row (from 1): between 250 and a bound that doubles up to 5000.
 * `random` in [0, 1) spreads replicas that lost the same server, so that they do not all return at once.
 */
export function backoff(failures: number, random: number): number {
  const most = Math.min(MOST_MS, LEAST_MS * 2 ** failures);
  return Math.round(LEAST_MS + random * (most - LEAST_MS));
}
