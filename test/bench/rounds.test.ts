import test from "ava";
import { quietRounds } from "../../bench/rounds.ts";

/** A machine that is quiet, or not, in this order, and then for good. */
function machine(...states: readonly boolean[]) {
  const left = [...states];
  return async () => left.shift() ?? true;
}

const number = async (round: number) => round;

test("a round counts if the machine was quiet before and after it, and else another takes its place", async (t) => {
  // Quiet before the first round, not after it, which is before the second.
  const rounds = await quietRounds(2, machine(true, false, true, true, true), number);
  t.deepEqual(rounds, { kept: [2, 3], discarded: 2 });
});

test("negative control: on a quiet machine no round is discarded", async (t) => {
  t.deepEqual(await quietRounds(3, machine(), number), { kept: [0, 1, 2], discarded: 0 });
});

test("on a machine that is never quiet it ends, without a result", async (t) => {
  t.deepEqual(await quietRounds(2, async () => false, number), { kept: [], discarded: 6 });
});

test("an error of a round ends the measurement, quiet or not", async (t) => {
  const broken = () => Promise.reject(new Error("a wrong answer"));
  await t.throwsAsync(quietRounds(1, machine(false, false), broken), { message: "a wrong answer" });
});
