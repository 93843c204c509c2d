import { randomInt } from "node:crypto";
import type { ExecutionContext } from "ava";

/** A source of whole numbers in [from, to). The seed is TEST_SEED, or random; it is logged, to repeat a failure. */
export function seededRandom(t: ExecutionContext<unknown>): (from: number, to: number) => number {
  const seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
  t.log(`seed ${seed}: TEST_SEED=${seed} draws the same again`);
  let state = seed;
  // Mulberry32.
  return (from, to) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return from + Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (to - from));
  };
}
