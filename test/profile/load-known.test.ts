import { copyFileSync } from "node:fs";
import { appendFile, rename } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { loadProfiles } from "../../src/profile/load.ts";
import { faultsOf, filesIn } from "../support/files/config-files.ts";

const SERVICE = new URL("../../profiles/service.yaml", import.meta.url);
const ISSUER = "https://issuer.test";

test("a file that has not changed is not compiled again, whatever it is called; one that has changed is", async (t) => {
  const folder = await filesIn(t, {});
  copyFileSync(SERVICE, join(folder, "a.yaml"));
  const first = loadProfiles([folder], ISSUER);
  await rename(join(folder, "a.yaml"), join(folder, "b.yaml"));
  t.is(loadProfiles([folder], ISSUER, first.profiles).profiles.get("service"), first.profiles.get("service"));
  await appendFile(join(folder, "b.yaml"), "# a comment\n");
  const changed = loadProfiles([folder], ISSUER, first.profiles).profiles.get("service");
  t.not(changed, first.profiles.get("service"));
  t.not(changed?.digest, first.profiles.get("service")?.digest);
});

test("a second file of the same text is still a second one of its name", async (t) => {
  const folder = await filesIn(t, {});
  copyFileSync(SERVICE, join(folder, "a.yaml"));
  const first = loadProfiles([folder], ISSUER);
  copyFileSync(SERVICE, join(folder, "b.yaml"));
  const [fault, ...more] = faultsOf(() => loadProfiles([folder], ISSUER, first.profiles));
  t.deepEqual(more, []);
  t.like(fault, { file: join(folder, "b.yaml"), path: "profile" });
});
