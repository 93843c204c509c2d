import test from "ava";
import { RELOAD, sharedReload } from "../../src/keyring/shared-reload.ts";

test("all who come while a reload runs share it, and in the cool-down nobody waits", async (t) => {
  let [time, reloads] = [1_000_000, 0];
  const done = Promise.withResolvers<void>();
  const reload = sharedReload(
    () => {
      reloads += 1;
      return done.promise;
    },
    () => time,
  );
  const first = reload();
  t.is(reload(), first);
  done.resolve();
  await first;
  t.is(reload(), undefined);
  time += RELOAD.coolDown - 1;
  t.is(reload(), undefined);
  t.is(reloads, 1);
  time += 1;
  await reload();
  t.is(reloads, 2);
});

test("nobody waits longer than the bound for a reload that hangs", async (t) => {
  const reload = sharedReload(
    () => new Promise(() => {}),
    () => 0,
  );
  await t.notThrowsAsync(async () => reload());
});

test("the error of a reload reaches those who wait", async (t) => {
  const reload = sharedReload(
    () => Promise.reject(new Error("unreadable")),
    () => 0,
  );
  await t.throwsAsync(async () => reload(), { message: "unreadable" });
});

test("a clock that steps back does not lengthen the cool-down", async (t) => {
  let time = 1_000_000;
  const reload = sharedReload(
    async () => {},
    () => time,
  );
  await reload();
  time -= 3_600_000;
  t.true(reload() instanceof Promise);
});
