import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { createSaver } from "../../src/async/save-soon.ts";

test("a burst of changes is saved once, and what changes during a save is saved after it", async (t) => {
  let [saves, running, most] = [0, 0, 0];
  const saver = createSaver(
    async () => {
      saves += 1;
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      if (saves === 1) saver.changed();
      running -= 1;
    },
    (error) => t.fail(String(error)),
  );
  for (let change = 0; change < 10; change++) saver.changed();
  await saver.saved();
  t.deepEqual([saves, most], [2, 1]);
  await saver.saved();
  t.is(saves, 2);
});

test("a save that fails is reported, and the next change is saved", async (t) => {
  const errors: unknown[] = [];
  let saves = 0;
  const saver = createSaver(
    async () => {
      saves += 1;
      if (saves === 1) throw new Error("disk full");
    },
    (error) => errors.push(String(error)),
  );
  saver.changed();
  await saver.saved();
  saver.changed();
  await saver.saved();
  t.deepEqual([saves, errors], [2, ["Error: disk full"]]);
});

test("what changes while it is saved in a hurry is saved at once as well, even with no timer to keep the process alive", async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL("hurried-save.ts", import.meta.url)),
  ]);
  t.is(stdout, "saved 3 times\n");
});
