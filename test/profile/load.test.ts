import { join } from "node:path";
import test from "ava";
import { loadProfiles } from "../../src/profile/load.ts";
import { formatFault } from "../../src/schema/fault.ts";
import { faultsOf, filesIn } from "../support/files/config-files.ts";
import { tinyProfile } from "../support/profiles/tiny-profile.ts";

const ISSUER = "https://i";

test("the faults of all folders come at once, file by file", async (t) => {
  const first = await filesIn(t, { "a.yaml": tinyProfile({ 1: "profile: A" }), "b.yaml": tinyProfile({ 2: "" }) });
  const second = await filesIn(t, { "c.yaml": "a: [\n", "d.yaml": tinyProfile() });
  const faults = faultsOf(() => loadProfiles([first, second], ISSUER));
  t.deepEqual(
    faults.map(({ file, path }) => [file, path]),
    [
      [join(first, "a.yaml"), "profile"],
      [join(first, "b.yaml"), "keys"],
      [join(second, "c.yaml"), ""],
    ],
  );
});

test("two files of one name are a fault of the second, also in another folder", async (t) => {
  const first = await filesIn(t, { "a.yaml": tinyProfile() });
  const second = await filesIn(t, { "b.yaml": `# a comment\n${tinyProfile()}` });
  t.deepEqual(faultsOf(() => loadProfiles([first, second], ISSUER)).map(formatFault), [
    `${join(second, "b.yaml")}:2 profile: is already the name of the profile in ${join(first, "a.yaml")}: to replace it, list the name in profiles.replace, and check with --replace`,
  ]);
});

test("a folder that is not there is a fault", (t) => {
  t.deepEqual(faultsOf(() => loadProfiles(["/nowhere"], ISSUER)).map(formatFault), [
    "/nowhere: can't be read as a folder: ENOENT",
  ]);
});

test("only *.yaml files are profiles", async (t) => {
  const folder = await filesIn(t, { "a.yaml": tinyProfile(), "README.md": "# Profiles\n", "b.yaml.bak": "a: [\n" });
  t.deepEqual([...loadProfiles([folder], ISSUER).profiles.keys()], ["tiny"]);
});

test("a folder without any *.yaml is a fault: it was emptied, or is the wrong one", async (t) => {
  const folder = await filesIn(t, { "README.md": "# Profiles\n" });
  t.deepEqual(faultsOf(() => loadProfiles([folder], ISSUER)).map(formatFault), [`${folder}: contains no *.yaml file`]);
});

test("a profile under another ending is a fault, not left out in silence", async (t) => {
  const folder = await filesIn(t, { "a.yaml": tinyProfile(), "b.yml": tinyProfile({ 1: "profile: other" }) });
  t.deepEqual(faultsOf(() => loadProfiles([folder], ISSUER)).map(formatFault), [
    `${join(folder, "b.yml")}: is not read: its name must end with .yaml`,
  ]);
});

for (const [what, change] of [
  ["issuer", { 9: "issuer: https://other" }],
  ["typ", { 9: "header: { typ: other }" }],
  ["algorithm", { 2: "keys: { keyset: tiny, algorithm: ES256 }" }],
] as const) {
  test(`a keyset that two profiles use with another ${what} is a fault that names both files`, async (t) => {
    const folder = await filesIn(t, {
      "a.yaml": tinyProfile(),
      "b.yaml": tinyProfile({ 1: "profile: other", ...change }),
    });
    t.deepEqual(faultsOf(() => loadProfiles([folder], ISSUER)).map(formatFault), [
      `${join(folder, "b.yaml")}:2 keys.keyset: ${join(folder, "a.yaml")} uses this keyset with a different ${what}: one keyset serves one (issuer, typ) and one algorithm`,
    ]);
  });
}

test("profiles with the same issuer, typ and algorithm share a keyset; typ is compared without case", async (t) => {
  const folder = await filesIn(t, {
    "a.yaml": tinyProfile({ 9: "header: { typ: JWT }" }),
    "b.yaml": tinyProfile({ 1: "profile: other", 9: "header: { typ: application/jwt }" }),
  });
  t.is(loadProfiles([folder], ISSUER).profiles.size, 2);
});

const CREDENTIAL = {
  1: "profile: robot",
  2: "keys: { keyset: robot, algorithm: EdDSA }",
  9: "  - { name: sub, from: subject }",
  10: "  - { name: aud, value: signet }",
  11: "accept: { type: object }",
  8: "",
  12: "credential: true",
  13: "header: { typ: robot+jwt }",
};

test("the typ of a credential is that of no other profile", async (t) => {
  const folder = await filesIn(t, {
    "a.yaml": tinyProfile({ 2: "keys: { keyset: a, algorithm: EdDSA }", 9: "header: { typ: application/Robot+JWT }" }),
    "b.yaml": tinyProfile(CREDENTIAL),
  });
  t.deepEqual(faultsOf(() => loadProfiles([folder], ISSUER)).map(formatFault), [
    `${join(folder, "b.yaml")}:13 header.typ: is also the typ of ${join(folder, "a.yaml")}: a credential must have one of its own`,
  ]);
  const alone = await filesIn(t, { "a.yaml": tinyProfile(), "b.yaml": tinyProfile(CREDENTIAL) });
  const { profiles } = loadProfiles([alone], ISSUER);
  t.deepEqual(profiles.get("robot")?.credential, { audience: "signet" });
  t.is(profiles.get("tiny")?.credential, undefined);
});

test("a file that has not changed is not compiled again", async (t) => {
  const folder = await filesIn(t, { "a.yaml": tinyProfile() });
  const before = loadProfiles([folder], ISSUER);
  t.is(loadProfiles([folder], ISSUER, before.profiles).profiles.get("tiny"), before.profiles.get("tiny"));
  t.not(loadProfiles([folder], ISSUER).profiles.get("tiny"), before.profiles.get("tiny"));
});
