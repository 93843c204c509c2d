import { randomInt } from "node:crypto";
import type { ExecutionContext } from "ava";

/** Pseudo-random choices that a seed brings back. */
export interface Random {
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
  bytes(length: number): Buffer;
}

/** Seeded by the variable TEST_SEED, else by chance; the seed is printed when the test fails or the log is shown. */
export function seededRandom(t: ExecutionContext): Random {
  const seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 32));
  t.log(`TEST_SEED=${seed}`);
  let state = seed >>> 0;
  // mulberry32: enough for choosing, small enough to read.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  return { below, bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))) };
}
