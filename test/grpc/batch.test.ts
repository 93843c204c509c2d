import test from "ava";
import { batch } from "../../src/grpc/batch.ts";
import { invalidRequest, Problem } from "../../src/problem/problem.ts";

const batching = {
  admitMalformed() {},
  now: () => 0,
  onUnexpected: (cause: unknown) => {
    throw cause;
  },
};
const items = (count: number) => Array.from({ length: count }, (_, index) => index);

test("every item is answered on its own, in the order of the items", async (t) => {
  const causes: unknown[] = [];
  const failure = new Error("password is hunter2");
  const serve = (item: number) => {
    if (item === 1) throw new Problem("PROFILE_NOT_FOUND", "there is no such profile");
    if (item === 2) return Promise.reject(failure);
    return item === 0 ? Promise.resolve("late") : "at once";
  };
  const results = await batch(items(4), { ...batching, serve, onUnexpected: (cause) => causes.push(cause) });
  t.like(results, [
    { result: { $case: "response", value: "late" } },
    { result: { $case: "error", value: { code: 5, message: "there is no such profile" } } },
    { result: { $case: "error", value: { code: 13, message: "internal error", details: [] } } },
    { result: { $case: "response", value: "at once" } },
  ]);
  t.deepEqual(causes, [failure]);
});

for (const count of [0, 101]) {
  test(`${count} items are a bad call of a caller that may call at all`, async (t) => {
    const error = await t.throwsAsync(batch(items(count), { ...batching, serve: String }));
    t.deepEqual(error, invalidRequest([{ field: "items", description: "must have 1 to 100 items" }]));
    const denied = new Problem("PERMISSION_DENIED", "not allowed");
    const admitMalformed = () => {
      throw denied;
    };
    await t.throwsAsync(batch(items(count), { ...batching, serve: String, admitMalformed }), { is: denied });
  });
}

test("other work gets its turn after items have been started for 3 ms, and all started items run concurrently", async (t) => {
  const begun: number[] = [];
  const seen: number[] = [];
  let now = 0;
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const serve = (item: number) => {
    begun.push(item);
    // The second half is four times as slow.
    now += item < 50 ? 0.5 : 2;
    return released;
  };
  const served = batch(items(100), { ...batching, serve, now: () => now });
  while (begun.length < 100) {
    seen.push(begun.length);
    await new Promise(setImmediate);
  }
  release();
  t.is((await served).length, 100);
  t.deepEqual(seen, [6, 12, 18, 24, 30, 36, 42, 48, ...Array.from({ length: 25 }, (_, turn) => 51 + 2 * turn)]);
});

test("if all items start within 3 ms, no other work comes between", async (t) => {
  let begun = 0;
  let now = 0;
  const serve = () => {
    begun += 1;
    now += 0.02;
  };
  const served = batch(items(100), { ...batching, serve, now: () => now });
  t.is(begun, 100);
  await served;
});

test("a first turn may be longer, those after it are not", async (t) => {
  const begun: number[] = [];
  let now = 0;
  const serve = (item: number) => {
    begun.push(item);
    now += 1;
  };
  const served = batch(items(14), { ...batching, serve, firstTurnMs: 10, now: () => now });
  t.is(begun.length, 10);
  await new Promise(setImmediate);
  t.is(begun.length, 13);
  await served;
  t.is(begun.length, 14);
});
