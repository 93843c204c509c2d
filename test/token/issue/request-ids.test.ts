import test from "ava";
import { Problem } from "../../../src/problem/problem.ts";
import { createRequestIds } from "../../../src/token/issue/request-ids.ts";

const always = () => true;

function makeIds() {
  const clock = { now: 1_000_000 };
  const ids = createRequestIds<number>(() => clock.now);
  const { once } = ids;
  let made = 0;
  const dead = new Set<number>();
  const ask = (key: string, content = "c", size = 1) =>
    once(
      { key, content, size },
      async () => {
        made += 1;
        return made;
      },
      (answer) => !dead.has(answer),
    );
  return { clock, ids, once, ask, dead };
}

test("within two minutes the same id gets the same answer, then a new one", async (t) => {
  const { clock, ask } = makeIds();
  t.is(await ask("a"), 1);
  clock.now += 119_999;
  t.is(await ask("a"), 1);
  clock.now += 1;
  t.is(await ask("a"), 2);
});

test("an answer leaves memory when its two minutes are over, although no call comes", async (t) => {
  const { clock, ids, ask } = makeIds();
  await ask("a");
  clock.now += 1_000;
  await ask("b");
  clock.now += 118_999;
  ids.purge();
  t.is(ids.size, 2);
  clock.now += 1;
  ids.purge();
  t.is(ids.size, 1);
  clock.now += 1_000;
  ids.purge();
  t.is(ids.size, 0);
});

test("a clock that is set back by days keeps no answer for days", async (t) => {
  const { clock, ids, ask } = makeIds();
  await ask("a");
  ids.purge();
  clock.now -= 500_000;
  ids.purge();
  t.is(ids.size, 0);
});

test("other content is refused as long as the answer is kept", async (t) => {
  const { clock, ask } = makeIds();
  await ask("a");
  t.is(t.throws(() => ask("a", "other"), { instanceOf: Problem }).code, "REQUEST_ID_REUSED");
  clock.now += 120_000;
  t.is(await ask("a", "other"), 2);
});

test("a request during the first one shares its answer", async (t) => {
  const { once } = makeIds();
  const made = Promise.withResolvers<number>();
  const [first, second] = [
    once({ key: "a", content: "c", size: 1 }, () => made.promise, always),
    once({ key: "a", content: "c", size: 1 }, () => t.fail() as never, always),
  ];
  made.resolve(7);
  t.deepEqual(await Promise.all([first, second]), [7, 7]);
});

test("a failure reaches all callers that wait for it, and is forgotten", async (t) => {
  const { once, ask } = makeIds();
  const failing = () => Promise.reject(new Problem("AUDIT_UNAVAILABLE", "down"));
  const both = [
    once({ key: "a", content: "c", size: 1 }, failing, always),
    once({ key: "a", content: "c", size: 1 }, failing, always),
  ];
  for (const asked of both) await t.throwsAsync(asked, { message: "down" });
  t.is(await ask("a"), 1);
});

test("a late failure does not forget the answer that took its place", async (t) => {
  const { clock, once, ask } = makeIds();
  const made = Promise.withResolvers<number>();
  const first = once({ key: "a", content: "c", size: 1 }, () => made.promise, always);
  clock.now += 120_000;
  t.is(await ask("a"), 1);
  made.reject(new Error("late"));
  await t.throwsAsync(first, { message: "late" });
  t.is(await ask("a"), 1);
});

test("the oldest of more than 10000 answers leaves first", async (t) => {
  const { ask } = makeIds();
  for (let i = 1; i <= 10_000; i += 1) await ask(`key-${i}`);
  t.is(await ask("key-1"), 1);
  t.is(await ask("one more"), 10_001);
  t.is(await ask("key-2"), 2);
  t.is(await ask("key-1"), 10_002);
});

test("large answers are dropped before there are 10000 of them, and dropped or failed ones take no room", async (t) => {
  const { clock, once, ask } = makeIds();
  const large = 1024 * 1024;
  await t.throwsAsync(
    once({ key: "failed", content: "c", size: 8 * large }, async () => Promise.reject(new Error("no")), always),
    { message: "no" },
  );
  for (let i = 1; i <= 8; i += 1) t.is(await ask(`key-${i}`, "c", large), i);
  t.is(await ask("key-1"), 1, "all eight fit");
  t.is(await ask("one more", "c", large), 9);
  t.is(await ask("key-2"), 2, "only the oldest leaves");
  t.is(await ask("key-1"), 10, "and it did leave");
  clock.now += 120_000;
  for (let i = 11; i <= 18; i += 1) await ask(`key-${i}`, "c", large);
  t.is(await ask("key-11"), 11, "those that were over have left");
});

test("an answer that is no longer good is replaced once, for all who repeat the request, and counts for two minutes", async (t) => {
  const { clock, ask, dead } = makeIds();
  t.is(await ask("a"), 1);
  t.is(await ask("a"), 1);
  dead.add(1);
  clock.now += 100_000;
  t.deepEqual(await Promise.all([ask("a"), ask("a")]), [2, 2]);
  clock.now += 100_000;
  t.is(await ask("a"), 2);
  t.is(t.throws(() => ask("a", "other"), { instanceOf: Problem }).code, "REQUEST_ID_REUSED");
});
