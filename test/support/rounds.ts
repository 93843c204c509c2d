import type { ExecutionContext } from "ava";

/** How many times as long as in the pipeline the tests of faults run. */
const SOAK = Number(process.env.SOAK ?? 1);

/** So many rounds; more of them in `make soak`. */
export function rounds(few: number): number {
  return few * SOAK;
}

/** A minute; longer in `make soak`. */
export function boundByRounds(t: ExecutionContext<unknown>): void {
  t.timeout(60_000 * SOAK);
}
