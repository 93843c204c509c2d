import test from "ava";
import { type ScheduledWork, startSchedule } from "../../src/async/schedule.ts";
import { createWakeup } from "../../src/async/wakeup.ts";

const HOUR = 3_600_000;

/** A schedule whose runs are counted and whose trigger the test pulls. */
function scheduled(changes: Partial<ScheduledWork> = {}) {
  const pulled = createWakeup();
  const ran = createWakeup();
  const state = { runs: 0, running: 0, most: 0 };
  const errors: unknown[] = [];
  const stop = startSchedule({
    async run() {
      state.runs += 1;
      state.running += 1;
      state.most = Math.max(state.most, state.running);
      await Promise.resolve();
      state.running -= 1;
      ran.wake();
    },
    nextRun: (since) => since + HOUR,
    now: Date.now,
    async *triggers(signal) {
      while (!signal.aborted) if (await pulled.wait(signal)) yield undefined;
    },
    onError: (error) => errors.push(error),
    ...changes,
  });
  async function until(runs: number): Promise<void> {
    while (state.runs < runs) await ran.wait();
  }
  return { state, errors, pull: pulled.wake, until, stop };
}

test("the first run begins at once, a trigger asks for another, and a stop ends them", async (t) => {
  const { state, errors, pull, until, stop } = scheduled();
  await until(1);
  pull();
  await until(2);
  await stop();
  pull();
  t.deepEqual([state.runs, state.most, errors], [2, 1, []]);
});

test("work that is overdue runs again without a trigger, one run at a time", async (t) => {
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  const { state, until, stop } = scheduled({ nextRun: (since) => since });
  await until(3);
  await stop();
  t.is(state.most, 1);
});

test("a run that fails is reported, and a trigger runs the work again", async (t) => {
  const failed = createWakeup();
  const errors: unknown[] = [];
  let runs = 0;
  const { pull, stop } = scheduled({
    async run() {
      runs += 1;
      throw new Error(`run ${runs}`);
    },
    onError(error) {
      errors.push(String(error));
      failed.wake();
    },
  });
  await failed.wait();
  pull();
  await failed.wait();
  await stop();
  t.deepEqual(errors, ["Error: run 1", "Error: run 2"]);
});

test("a wall clock that is set past the next run, or back, runs the work at the next tick and not an hour later", async (t) => {
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  let time = 100 * HOUR;
  const now = () => time;
  const ticking = scheduled({ now, tickMs: 5 });
  // Without ticks nothing notices the clock.
  const control = scheduled({ now, tickMs: HOUR });
  await Promise.all([ticking.until(1), control.until(1)]);
  // Both have begun to wait.
  await new Promise(setImmediate);
  time += 1_000 * HOUR;
  await ticking.until(2);
  time -= 1_000 * HOUR;
  await ticking.until(3);
  t.deepEqual([ticking.state.runs, control.state.runs], [3, 1]);
  await Promise.all([ticking.stop(), control.stop()]);
});
