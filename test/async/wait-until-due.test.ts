import test from "ava";
import { waitUntilDue } from "../../src/async/wait-until-due.ts";
import type { Wakeup } from "../../src/async/wakeup.ts";

/** The waits of one call, in milliseconds, while `clock` says what the wall clock shows after each. */
async function waitsOf(at: number, withinMs: number, clock: readonly number[]): Promise<number[]> {
  const waits: number[] = [];
  const wakeup: Wakeup = {
    wake() {},
    async wait(_signal, ms = 0) {
      waits.push(ms);
      return false;
    },
  };
  const { signal } = new AbortController();
  await waitUntilDue(wakeup, { now: () => clock[waits.length] ?? Number.NaN, at, withinMs, signal });
  return waits;
}

test("a wait is cut into seconds, and the last one is as long as what is left", async (t) => {
  t.deepEqual(await waitsOf(2_500, 60_000, [0, 1_000, 2_000, 2_500]), [1_000, 1_000, 500]);
  t.deepEqual(await waitsOf(9_000, 1_500, [0, 1_000, 1_500]), [1_000, 500]);
});

test("work that is overdue waits for one turn of the event loop", async (t) => {
  t.deepEqual(await waitsOf(0, 60_000, [5, 5]), [0]);
});

test("a clock that was set ahead of the time ends the wait, and one that was set back too", async (t) => {
  t.deepEqual(await waitsOf(9_000, 60_000, [0, 1_000, 99_000]), [1_000, 1_000]);
  t.deepEqual(await waitsOf(9_000, 60_000, [5_000, 6_000, 1_000]), [1_000, 1_000]);
});

test("a clock that stands still does not make the wait longer", async (t) => {
  t.is((await waitsOf(9_000, 3_000, Array(9).fill(0))).length, 3);
});
