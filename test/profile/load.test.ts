import { join } from "node:path";
import test from "ava";
import { showFault } from "../../src/config/fault.ts";
import { loadProfiles, parseProfile } from "../../src/profile/load.ts";
import { faultsOf, filesIn } from "../support/config-files.ts";
import { serviceProfile } from "../support/profiles.ts";

/** A profile with no more than it needs, one line a value; override lines by number. */
const LINES = [
  "profile: tiny",
  "keys: { keyset: tiny, algorithm: EdDSA }",
  "lifetime: { default: 5m, max: 1h }",
  "request: { type: object }",
  "claims:",
  "  - { name: iss, from: issuer }",
  "  - { name: exp, from: expires_at }",
  "accept: { type: object }",
] as const;

const tiny = (changes: Readonly<Record<number, string>> = {}) =>
  LINES.map((line, index) => changes[index + 1] ?? line).join("\n");

test("the profile that ships is read as RFC 9068 has it", (t) => {
  const profile = serviceProfile();
  t.like(profile, { name: "service", keyset: "service", algorithm: "EdDSA", header: { typ: "at+jwt" } });
  t.deepEqual(profile.lifetime, { default: 300, min: 1, max: 3600, leeway: 60 });
  t.deepEqual(profile.takes, { subject: true, audience: true });
  t.deepEqual([...profile.ownNames].filter(Boolean).toSorted(), [
    "aud",
    "client_id",
    "exp",
    "iat",
    "iss",
    "jti",
    "sub",
  ]);
});

test("what a profile leaves out has its default", (t) => {
  const profile = parseProfile(tiny(), "tiny.yaml", "https://i");
  if (Array.isArray(profile)) return t.fail(JSON.stringify(profile));
  t.like(profile, { description: "", header: { typ: undefined }, issuer: "https://i" });
  t.deepEqual(profile.lifetime, { default: 300, min: 1, max: 3600, leeway: 0 });
  t.deepEqual(profile.takes, { subject: false, audience: false });
});

for (const [what, changes, ...faults] of [
  ["a name with capitals", { 1: "profile: Tiny" }, ':1 profile: must match pattern "^[a-z0-9-]{1,64}$"'],
  ["no name", { 1: "" }, ":2 profile: is required"],
  ["an unknown key", { 8: "accept: {}\ncolour: blue" }, ":9 colour: is not a known key"],
  [
    "an unknown key further in",
    { 2: "keys: { keyset: a, algorithm: EdDSA, size: 1 }" },
    ":2 keys.size: is not a known key",
  ],
  [
    "an algorithm that is not served",
    { 2: "keys: { keyset: a, algorithm: none }" },
    ':2 keys.algorithm: must be one of ["EdDSA"]',
  ],
  [
    "a lifetime that is no duration",
    { 3: "lifetime: { default: 300, max: 1h }" },
    ":3 lifetime.default: must be string",
    ":3 lifetime.default: must be a duration such as 500ms, 90s, 15m, 24h or 30d",
  ],
  [
    "a lifetime of part of a second",
    { 3: "lifetime: { default: 1500ms, max: 1h }" },
    ":3 lifetime.default: must be whole seconds",
  ],
  [
    "a default above the max",
    { 3: "lifetime: { default: 2h, max: 1h }" },
    ":3 lifetime.default: must lie between min (1s) and max (1h)",
  ],
  [
    "a default below the min",
    { 3: "lifetime: { default: 1s, min: 2s, max: 1h }" },
    ":3 lifetime.default: must lie between min (2s) and max (1h)",
  ],
  ["a min of nothing", { 3: "lifetime: { default: 5m, min: 0s, max: 1h }" }, ":3 lifetime.min: must be at least 1s"],
  ["no iss", { 6: "  - { name: a, value: b }" }, ":6 claims: must hold iss"],
  ["no exp", { 7: "  - { name: a, value: b }" }, ":6 claims: must hold exp"],
  [
    "a claim twice",
    { 7: "  - { name: exp, from: expires_at }\n  - { name: exp, value: 1 }" },
    ":8 claims.2: is signed twice",
  ],
  [
    "the rest twice",
    { 7: "  - { name: exp, from: expires_at }\n  - { rest: request }\n  - { rest: request }" },
    ":9 claims.3: is signed twice",
  ],
  ["no claims", { 5: "claims: []", 6: "", 7: "" }, ":5 claims: must NOT have fewer than 1 items"],
  [
    "a request that is no schema",
    { 4: "request: { type: thing }" },
    ":4 request: is not a JSON Schema 2020-12: schema is invalid: data/type must be equal to one of the allowed values, data/type must be array, data/type must match a schema in anyOf",
  ],
] as const) {
  test(`a profile with ${what} is refused with file, line and path`, (t) => {
    const found = parseProfile(tiny(changes), "tiny.yaml", "https://i");
    if (!Array.isArray(found)) return t.fail("no fault");
    t.deepEqual(
      found.map(showFault),
      faults.map((fault) => `tiny.yaml${fault}`),
    );
  });
}

for (const [what, claim, path] of [
  ["an unknown source", "{ name: a, from: moon }", "claims.1.from"],
  ["a source and a value", "{ name: a, from: subject, value: b }", "claims.1"],
  ["no source", "{ name: a }", "claims.1"],
  ["a value that is an object", "{ name: a, value: {} }", "claims.1.value"],
  ["a name that becomes a prototype", "{ name: __proto__, value: 1 }", "claims.1.name"],
  ["a name without a letter", '{ name: "", value: 1 }', "claims.1.name"],
] as const) {
  test(`a claim with ${what} is refused at its line`, (t) => {
    const found = parseProfile(tiny({ 7: `  - ${claim}` }), "tiny.yaml", "https://i");
    if (!Array.isArray(found)) return t.fail("no fault");
    t.true(
      found.some((fault) => fault.line === 7 && fault.path === path),
      found.map(showFault).join("\n"),
    );
  });
}

test("a schema with a misspelt keyword is refused: it would allow what it means to forbid", (t) => {
  for (const [line, key] of [
    [4, "request"],
    [8, "accept"],
  ] as const) {
    const found = parseProfile(tiny({ [line]: `${key}: { type: object, propertes: {} }` }), "tiny.yaml", "https://i");
    t.regex(
      Array.isArray(found) ? found.map(showFault).join() : "",
      new RegExp(`^tiny\\.yaml:${line} ${key}: .*propertes`),
    );
  }
});

test("a folder's faults come all at once, file by file", async (t) => {
  const folder = await filesIn(t, {
    "a.yaml": tiny({ 1: "profile: A" }),
    "b.yaml": tiny({ 2: "" }),
    "c.yaml": "a: [\n",
    "d.yaml": tiny(),
  });
  const faults = faultsOf(() => loadProfiles(folder, "https://i"));
  t.deepEqual(
    faults.map(({ file, path }) => [file, path]),
    [
      [join(folder, "a.yaml"), "profile"],
      [join(folder, "b.yaml"), "keys"],
      [join(folder, "c.yaml"), ""],
    ],
  );
});

test("two files of one name are a fault of the second", async (t) => {
  const folder = await filesIn(t, { "a.yaml": tiny(), "b.yaml": tiny() });
  t.deepEqual(faultsOf(() => loadProfiles(folder, "https://i")).map(showFault), [
    `${join(folder, "b.yaml")}:1 profile: is the name of another file's`,
  ]);
});

test("only *.yaml files are profiles", async (t) => {
  const folder = await filesIn(t, { "a.yaml": tiny(), "README.md": "# Profiles\n", "b.yaml.bak": "a: [\n" });
  t.deepEqual([...loadProfiles(folder, "https://i").keys()], ["tiny"]);
});
