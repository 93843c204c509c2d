import { stat } from "node:fs/promises";
import test from "ava";
import { createStoreReload, RELOAD } from "../../src/keys/shared-reload.ts";

test("all callers that come while a reload runs wait for it, and in the cool-down none waits", async (t) => {
  let [time, reloads] = [1_000_000, 0];
  const done = Promise.withResolvers<void>();
  const reload = createStoreReload(
    () => {
      reloads += 1;
      return done.promise;
    },
    () => time,
  );
  const waiting = [reload(), reload()];
  done.resolve();
  await t.notThrowsAsync(Promise.all(waiting));
  t.is(reload(), undefined);
  time += RELOAD.coolDown - 1;
  t.is(reload(), undefined);
  t.is(reloads, 1);
  time += 1;
  await reload();
  t.is(reloads, 2);
});

test("no caller waits longer than the bound for a reload that hangs, and none of them learns that the kid is unknown", async (t) => {
  const work = Promise.withResolvers<void>();
  const reload = createStoreReload(
    () => work.promise,
    () => 0,
  );
  for (const _ of ["the one that reloads", "one that comes after it has given up"])
    await t.throwsAsync(async () => reload(), { code: "UNREADABLE", message: "the store was not read within 250 ms" });
  const last = reload();
  work.resolve();
  await t.notThrowsAsync(async () => last);
  t.is(reload(), undefined);
});

test("what the store answered while the process was held up counts as in time", async (t) => {
  const reload = createStoreReload(
    async () => void (await stat(".")),
    () => 0,
  );
  const waiting = reload();
  const end = performance.now() + RELOAD.wait + 50;
  while (performance.now() < end);
  await t.notThrowsAsync(async () => waiting);
});

test("the error of a reload reaches the callers that wait", async (t) => {
  const reload = createStoreReload(
    () => Promise.reject(new Error("unreadable")),
    () => 0,
  );
  await t.throwsAsync(async () => reload(), { message: "unreadable" });
});

test("after a reload that failed, no kid counts as unknown until one succeeds", async (t) => {
  let [time, reloads] = [1_000_000, 0];
  const outcomes = [Promise.reject(new Error("unreadable")), Promise.resolve()];
  const reload = createStoreReload(
    () => outcomes[reloads++] ?? Promise.resolve(),
    () => time,
  );
  for (const _ of ["the one that reloads", "in the cool-down", "and again"])
    await t.throwsAsync(async () => reload(), { message: "unreadable" });
  t.is(reloads, 1, "no caller reads again in the cool-down");
  time += RELOAD.coolDown;
  await reload();
  t.is(reload(), undefined);
  t.is(reloads, 2);
});

test("later callers get the error of a reload that fails after all others have stopped waiting", async (t) => {
  const work = Promise.withResolvers<void>();
  const reload = createStoreReload(
    () => work.promise,
    () => 0,
  );
  await t.throwsAsync(async () => reload(), { code: "UNREADABLE" });
  work.reject(new Error("unreadable"));
  await t.throwsAsync(work.promise);
  await t.throwsAsync(async () => reload(), { message: "unreadable" });
});

test("a failure that arrives after the next reload has begun does not affect that one", async (t) => {
  let time = 1_000_000;
  const slow = Promise.withResolvers<void>();
  const works = [slow.promise];
  const reload = createStoreReload(
    () => works.pop() ?? Promise.resolve(),
    () => time,
  );
  await t.throwsAsync(async () => reload(), { code: "UNREADABLE" });
  time += RELOAD.coolDown;
  await reload();
  slow.reject(new Error("unreadable"));
  await t.throwsAsync(slow.promise);
  t.is(reload(), undefined);
});

test("a clock that steps back does not lengthen the cool-down", async (t) => {
  let time = 1_000_000;
  const reload = createStoreReload(
    async () => {},
    () => time,
  );
  await reload();
  time -= 3_600_000;
  t.true(reload() instanceof Promise);
});
