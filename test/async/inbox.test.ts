import test from "ava";
import { createInbox } from "../../src/async/inbox.ts";

const overflow = () => new Error("too slow");

test("items are read in the order in which they were put, whether they came before or while the reader waits", async (t) => {
  const inbox = createInbox<string>(10, overflow);
  inbox.put("a");
  const items = inbox.items(new AbortController().signal);
  t.is((await items.next()).value, "a");
  const waiting = items.next();
  inbox.put("b");
  inbox.put("c");
  t.is((await waiting).value, "b");
  t.is((await items.next()).value, "c");
});

test("as many items as the limit may wait; one more ends the reading with an error", async (t) => {
  const full = createInbox<number>(2, overflow);
  for (const item of [1, 2]) full.put(item);
  const { signal } = new AbortController();
  t.is((await full.items(signal).next()).value, 1);

  const overflown = createInbox<number>(2, overflow);
  for (const item of [1, 2, 3]) overflown.put(item);
  await t.throwsAsync(overflown.items(signal).next(), { message: "too slow" });
});

test("an overflow while the reader waits ends the reading too", async (t) => {
  const inbox = createInbox<number>(1, overflow);
  const items = inbox.items(new AbortController().signal);
  const waiting = items.next();
  inbox.put(1);
  inbox.put(2);
  await t.throwsAsync(waiting, { message: "too slow" });
});

test("an abort ends the reading, also of a reader that waits", async (t) => {
  const inbox = createInbox<number>(1, overflow);
  const abort = new AbortController();
  const waiting = inbox.items(abort.signal).next();
  abort.abort();
  t.true((await waiting).done);
  inbox.put(1);
  t.true((await inbox.items(abort.signal).next()).done);
});
