import test from "ava";
import { createAtOnce } from "../../../src/access/limits/at-once.ts";

test("a key has at most so many open, whatever others have", (t) => {
  const calls = createAtOnce();
  const closers = [1, 2, 3].map(() => calls.open("a", 3));
  t.is(calls.open("a", 3), undefined);
  t.truthy(calls.open("b", 1));
  closers[0]?.();
  t.truthy(calls.open("a", 3));
  t.is(calls.open("a", 3), undefined);
});

test("what is closed twice counts once", (t) => {
  const calls = createAtOnce();
  const close = calls.open("a", 2);
  t.truthy(calls.open("a", 2));
  close?.();
  close?.();
  t.truthy(calls.open("a", 2));
  t.is(calls.open("a", 2), undefined);
});

test("a key with nothing open takes no memory", (t) => {
  const calls = createAtOnce();
  const closers = Array.from({ length: 1_000 }, (_, at) => calls.open(`key-${at}`, 1));
  t.is(calls.size, 1_000);
  for (const close of closers) close?.();
  t.is(calls.size, 0);
});
