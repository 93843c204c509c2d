import test from "ava";
import { follow, watchAgain } from "../../src/async/follow.ts";
import { pauseAfterWatch, StateError } from "../../src/state/keyvalue.ts";

const lost = new StateError("LOST", "the store is another one");
const outage = new StateError("UNAVAILABLE", "cut off");

/** Follows a source that throws each of the errors in turn and then yields one item, which ends the test. */
async function openings(errors: readonly Error[], pauseAfter?: (error: unknown) => number) {
  const stop = new AbortController();
  const left = [...errors];
  const reported: unknown[] = [];
  const paused: unknown[] = [];
  let opened = 0;
  async function* source(): AsyncGenerator<string> {
    opened += 1;
    const error = left.shift();
    if (error !== undefined) throw error;
    yield "item";
  }
  await follow(
    {
      source,
      onItem: () => stop.abort(),
      onError: (error) => reported.push(error),
      ...(pauseAfter && {
        pauseAfter(error: unknown) {
          paused.push(error);
          return pauseAfter(error);
        },
      }),
    },
    stop.signal,
  );
  return { opened, reported, paused };
}

test("a source that throws is opened again until it yields, and each error is reported", async (t) => {
  const { opened, reported, paused } = await openings([outage, lost], () => 0);
  t.is(opened, 3);
  t.deepEqual(reported, [outage, lost]);
  t.deepEqual(paused, [outage, lost]);
});

test("a source whose store was lost is opened again before the pause after other failures is over", async (t) => {
  // After other failures the pauses would add up to half a minute.
  t.timeout(20_000);
  const losses = Array.from({ length: 6 }, () => lost);
  t.is((await openings(losses, pauseAfterWatch)).opened, 7);
});

test("a source that ends is opened again, and nothing is reported", async (t) => {
  const stop = new AbortController();
  let opened = 0;
  async function* source(): AsyncGenerator<number> {
    yield ++opened;
  }
  const items: number[] = [];
  const onItem = (item: number) => {
    items.push(item);
    if (item === 3) stop.abort();
  };
  await follow({ source, onItem, onError: (error) => t.fail(String(error)), pauseAfter: () => 0 }, stop.signal);
  t.deepEqual(items, [1, 2, 3]);
});

test("what onItem throws is reported, and the source is opened again", async (t) => {
  const stop = new AbortController();
  const reported: string[] = [];
  async function* source(): AsyncGenerator<string> {
    yield "item";
  }
  const onItem = () => {
    if (reported.length === 2) return stop.abort();
    throw new Error("bad item");
  };
  const onError = (error: unknown) => reported.push(String(error));
  await follow({ source, onItem, onError, pauseAfter: () => 0 }, stop.signal);
  t.deepEqual(reported, ["Error: bad item", "Error: bad item"]);
});

test("an abort ends the pause, however long", async (t) => {
  const stop = new AbortController();
  async function* source(): AsyncGenerator<never> {}
  const pauseAfter = () => {
    setImmediate(() => stop.abort());
    return 3_600_000;
  };
  await t.notThrowsAsync(follow({ source, onItem() {}, onError() {}, pauseAfter }, stop.signal));
});

test("an error that pauseAfter throws ends the watch", async (t) => {
  async function* source(): AsyncGenerator<string> {
    yield "item";
    throw outage;
  }
  const watch = watchAgain(source, new AbortController().signal, (error) => {
    throw error;
  });
  t.deepEqual(await watch.next(), { done: false, value: "item" });
  t.is(await t.throwsAsync(watch.next()), outage);
});

test("an error after the abort is dropped", async (t) => {
  const stop = new AbortController();
  async function* source(): AsyncGenerator<string> {
    yield "item";
    throw outage;
  }
  const watch = watchAgain(source, stop.signal, (error) => {
    throw error;
  });
  await watch.next();
  stop.abort();
  t.true((await watch.next()).done);
});
