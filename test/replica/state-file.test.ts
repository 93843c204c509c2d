import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { placeOf } from "../../src/files/place.ts";
import { ALWAYS_FIT } from "../../src/replica/fitness.ts";
import { requireStateFile } from "../../src/replica/state-file.ts";
import { tempFolder } from "../support/files/temp.ts";
import { waitUntil } from "../support/wait-until.ts";

test("without its state's file a replica is unfit, and fit again when the file is back", async (t) => {
  const path = join(await tempFolder(t), "state.db");
  writeFileSync(path, "");
  const fitness = requireStateFile({ ...ALWAYS_FIT, waitsFor: () => ["a reason"] }, placeOf(path));
  t.deepEqual(fitness.waitsFor(), ["a reason"]);
  t.notThrows(fitness.requireFit);
  renameSync(path, `${path}.away`);
  writeFileSync(path, "");
  await waitUntil("the other file is noticed", () => fitness.waitsFor().length > 1);
  t.deepEqual(fitness.waitsFor(), [
    "a reason",
    `the state's file: ${path} was removed, moved or replaced while it was in use`,
  ]);
  t.throws(fitness.requireFit, { code: "KEYS_UNAVAILABLE" });
  t.notThrows(fitness.requireRightClock, "revoking fails by its own write");
  renameSync(`${path}.away`, path);
  await waitUntil("the file is back", () => fitness.waitsFor().length === 1);
  t.notThrows(fitness.requireFit);
});

test("where the storage hangs, nothing waits for it, and one look is under way", (t) => {
  let looks = 0;
  const lookAsync = () => {
    looks++;
    return new Promise<never>(() => {});
  };
  const fitness = requireStateFile(ALWAYS_FIT, { lookAsync });
  t.deepEqual([fitness.waitsFor(), fitness.waitsFor()], [[], []]);
  t.notThrows(fitness.requireFit);
  t.is(looks, 1);
});
