import type { ExecutionContext } from "ava";
import { HANGS_MS } from "./bounded.ts";

/** How many times more rounds than in the pipeline: see `make soak`. */
const SOAK = Number(process.env.SOAK ?? 1);

/** `few` rounds, and SOAK times as many in `make soak`. */
export function rounds(few: number): number {
  return few * SOAK;
}

/**
 * Sets a time limit of five minutes, and of SOAK times as many in `make soak`. It is for a test that waits for much, one
 * after the other, on a busy machine: each of its waits has a bound of its own.
 */
export function boundByRounds(t: ExecutionContext<unknown>): void {
  t.timeout(5 * HANGS_MS * SOAK);
}
