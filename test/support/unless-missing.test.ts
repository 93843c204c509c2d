import test, { type ExecutionContext, type Implementation } from "ava";
import { testUnless } from "./unless-missing.ts";

const MISSING = "this user may make no network namespaces";

/** What is registered of a test that passes, and the error with which it ends when it is run. */
async function registered(t: ExecutionContext, missing: string | undefined, isCi: boolean) {
  const tests: { title: string; isSkipped: boolean; implementation: Implementation<[]> }[] = [];
  const into = (isSkipped: boolean) => (title: string, implementation: Implementation<[]>) =>
    void tests.push({ title, isSkipped, implementation });
  testUnless(missing, "it runs", (attempt) => attempt.pass(), { run: into(false), skip: into(true), isCi });
  const [only, ...more] = tests;
  if (only === undefined || more.length > 0) throw new Error(`${tests.length} tests were registered`);
  const attempt = await t.try(only.implementation);
  attempt.discard();
  return { title: only.title, isSkipped: only.isSkipped, error: attempt.errors[0]?.message };
}

test("in CI a test that lacks something fails, and says what", async (t) => {
  t.like(await registered(t, MISSING, true), { title: "it runs", isSkipped: false, error: MISSING });
});

test("elsewhere it is skipped, and the notice says what is missing", async (t) => {
  t.like(await registered(t, MISSING, false), { title: `it runs (skipped: ${MISSING})`, isSkipped: true });
});

test("a test that lacks nothing runs, in CI and elsewhere", async (t) => {
  for (const isCi of [true, false])
    t.deepEqual(await registered(t, undefined, isCi), { title: "it runs", isSkipped: false, error: undefined });
});
