import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { createWakeup } from "../../src/async/wakeup.ts";

/** Whether a promise has settled by the end of this turn of the event loop. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await turn();
  return settled;
}

test("a wake ends every wait that has begun, and none that begins later", async (t) => {
  const wakeup = createWakeup();
  const waits = [wakeup.wait(), wakeup.wait()];
  t.false(await isSettled(Promise.race(waits)));
  wakeup.wake();
  t.deepEqual(await Promise.all(waits), [true, true]);
  t.false(await isSettled(wakeup.wait()));
});

test("a wake that nothing waits for ends the next wait, however many wakes there were, and only that one", async (t) => {
  const wakeup = createWakeup();
  wakeup.wake();
  wakeup.wake();
  t.true(await wakeup.wait());
  t.false(await isSettled(wakeup.wait()));
});

test("a wake directly after a wait has ended ends the next wait", async (t) => {
  const wakeup = createWakeup();
  const first = wakeup.wait();
  wakeup.wake();
  await first;
  wakeup.wake();
  t.true(await wakeup.wait());
});

test("an abort ends a wait, before and after it began, and is not a wake", async (t) => {
  const wakeup = createWakeup();
  const abort = new AbortController();
  const wait = wakeup.wait(abort.signal);
  t.is(getEventListeners(abort.signal, "abort").length, 1);
  abort.abort();
  t.false(await wait);
  t.false(await wakeup.wait(abort.signal));
  t.is(getEventListeners(abort.signal, "abort").length, 0);
});

test("a wait that was woken leaves no listener on its signal", async (t) => {
  const wakeup = createWakeup();
  const { signal } = new AbortController();
  const wait = wakeup.wait(signal, 3_600_000);
  wakeup.wake();
  t.true(await wait);
  t.is(getEventListeners(signal, "abort").length, 0);
});

test("a wait ends when its time is over, and that is not a wake", async (t) => {
  // The wait does not keep the process alive by itself.
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  t.false(await createWakeup().wait(undefined, 5));
});
