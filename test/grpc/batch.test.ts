import test from "ava";
import { batch } from "../../src/grpc/batch.ts";
import { invalidRequest, Problem } from "../../src/token/problem.ts";

const unexpected = (cause: unknown) => {
  throw cause;
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
  const results = await batch(items(4), { serve, inOneTurn: 16, unexpected: (cause) => causes.push(cause) });
  t.like(results, [
    { result: { $case: "response", value: "late" } },
    { result: { $case: "error", value: { code: 5, message: "there is no such profile" } } },
    { result: { $case: "error", value: { code: 13, message: "internal error", details: [] } } },
    { result: { $case: "response", value: "at once" } },
  ]);
  t.deepEqual(causes, [failure]);
});

for (const count of [0, 101]) {
  test(`${count} items are a bad call`, async (t) => {
    const error = await t.throwsAsync(batch(items(count), { serve: String, inOneTurn: 16, unexpected }));
    t.deepEqual(error, invalidRequest([{ field: "items", description: "must have 1 to 100 items" }]));
  });
}

test("other work has its turn between so many items, and all that began go on side by side", async (t) => {
  const begun: number[] = [];
  const seen: number[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const serve = (item: number) => {
    begun.push(item);
    return released;
  };
  const served = batch(items(100), { serve, inOneTurn: 16, unexpected });
  while (begun.length < 100) {
    seen.push(begun.length);
    await new Promise(setImmediate);
  }
  release();
  t.is((await served).length, 100);
  t.deepEqual(seen, [16, 32, 48, 64, 80, 96]);
});

test("where all may begin in one turn, nothing comes between", async (t) => {
  let begun = 0;
  const serve = () => {
    begun += 1;
  };
  const served = batch(items(100), { serve, inOneTurn: Number.POSITIVE_INFINITY, unexpected });
  t.is(begun, 100);
  await served;
});
