import type { ExecutionContext } from "ava";

/** How many times more rounds than in the pipeline: see `make soak`. */
const SOAK = Number(process.env.SOAK ?? 1);

/** `few` rounds, and SOAK times as many in `make soak`. */
export function rounds(few: number): number {
  return few * SOAK;
}

/** Sets a time limit of a minute, and of SOAK minutes in `make soak`. */
export function boundByRounds(t: ExecutionContext<unknown>): void {
  t.timeout(60_000 * SOAK);
}
