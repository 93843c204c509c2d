import test from "ava";
import { createSteadyClock, type StepBack } from "../src/clock.ts";

/** What a clock that shows `times` one after the other is made to show, and the reported steps. */
function shown(...times: number[]) {
  const steps: StepBack[] = [];
  const left = [...times];
  const clock = createSteadyClock(
    () => left.shift() ?? 0,
    (step) => steps.push(step),
  );
  return { times: times.map(() => clock()), steps };
}

test("a clock that goes forward is followed", (t) => {
  t.deepEqual(shown(5, 5, 70_000), { times: [5, 5, 70_000], steps: [] });
});

test("after a step back of 2 s the time stands still until the clock has caught up, and the step is reported once", (t) => {
  t.deepEqual(shown(10_000, 8_000, 9_000, 10_000, 10_001), {
    times: [10_000, 10_000, 10_000, 10_000, 10_001],
    steps: [{ behind: 2_000, held: true }],
  });
});

test("each step is reported, also the second", (t) => {
  t.is(shown(10_000, 8_000, 11_000, 9_000).steps.length, 2);
});

test("a step back of a minute is held, and one of more is followed", (t) => {
  t.deepEqual(shown(100_000, 40_000), { times: [100_000, 100_000], steps: [{ behind: 60_000, held: true }] });
  t.deepEqual(shown(100_000, 39_999, 40_000, 39_000), {
    times: [100_000, 39_999, 40_000, 40_000],
    steps: [
      { behind: 60_001, held: false },
      { behind: 1_000, held: true },
    ],
  });
});

test("a clock that keeps falling back is followed once it is more than a minute behind", (t) => {
  t.deepEqual(shown(100_000, 50_000, 30_000), {
    times: [100_000, 100_000, 30_000],
    steps: [
      { behind: 50_000, held: true },
      { behind: 70_000, held: false },
    ],
  });
});

test("corrections of less than a second are held without a word", (t) => {
  t.deepEqual(shown(10_000, 9_001), { times: [10_000, 10_000], steps: [] });
});
