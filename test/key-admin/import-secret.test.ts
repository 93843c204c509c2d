import { randomBytes } from "node:crypto";
import test from "ava";
import { AuditError } from "../../src/audit/event.ts";
import type { ImportRequest } from "../../src/key-admin/import-request.ts";
import { createImportSecret } from "../../src/key-admin/import-secret.ts";
import { Problem } from "../../src/problem/problem.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { acme, lookUp, newSecret, openReplica, problemOf, requestOf } from "../keys/imported/secrets-under-test.ts";
import { day, hour, start } from "../keys/rotating/ring-under-test.ts";
import { callerNamed } from "../support/caller.ts";

const replica = () => openReplica(createMemoryKeyValue(() => start));
const zero = { seconds: 0n, nanos: 0 };

test("the answer has the key with its length and fingerprint, and what overlaps; the event says the same", async (t) => {
  const { import: importKey, audited } = await replica();
  const first = await importKey(newSecret(), { keyId: "first" });
  t.like(first, { overlapping: 0, overlapUntil: undefined, warnings: [] });
  t.like(first.key, { ...acme, kid: "first", alg: "HS256", state: "active", byteLength: 32, signFrom: start });
  const second = await importKey(newSecret(), { overlap: { seconds: 60n, nanos: 0 } });
  t.like(second, { overlapping: 1, overlapUntil: start + 60_000 });
  t.regex(second.key.kid, /^k[A-Za-z0-9_-]{16}$/);
  t.not(first.key.fingerprint, second.key.fingerprint);
  const common = {
    type: "key.imported",
    ...acme,
    caller: callerNamed("caller"),
    algorithm: "HS256",
    byteLength: 32,
    allowedWeak: false,
  } as const;
  t.deepEqual(audited, [
    { ...common, keyId: "first", fingerprint: first.key.fingerprint, overlapUntil: undefined },
    { ...common, keyId: second.key.kid, fingerprint: second.key.fingerprint, overlapUntil: start + 60_000 },
  ]);
});

for (const [name, request, life] of [
  ["hivekit", {}, 365 * day],
  ["reactive", { profile: "reactive", tenant: "" }, hour / 2],
  ["viasocket", { profile: "viasocket", tenant: "" }, 30 * day],
] as const) {
  test(`without an overlap the secrets before verify for as long as a token of ${name} can live`, async (t) => {
    const { import: importKey } = await replica();
    await importKey(newSecret(), request);
    t.is((await importKey(newSecret(), request)).overlapUntil, start + life);
  });
}

test("an overlap of zero ends those before it, which the event shows", async (t) => {
  const { import: importKey, audited } = await replica();
  await importKey(newSecret());
  t.like(await importKey(newSecret(), { overlap: zero }), { overlapping: 0, overlapUntil: undefined });
  t.like(audited[1], { overlapUntil: start });
});

test("two readings of one text are two keys, and the unusual one is warned of", async (t) => {
  const { import: importKey } = await replica();
  const secret = newSecret();
  const asBase64 = await importKey(secret);
  const asText = await importKey(secret, { encoding: "utf8" });
  t.deepEqual([asBase64.key.byteLength, asText.key.byteLength], [32, 44]);
  t.not(asBase64.key.fingerprint, asText.key.fingerprint);
  t.deepEqual([asBase64.warnings, asText.warnings], [[], ["UNUSUAL_ENCODING"]]);
  t.is((await importKey(secret)).key.fingerprint, asBase64.key.fingerprint);
});

for (const text of [" x", "x ", "x\n", "\r\nx", "x\0", "\tx"])
  test(`a text that an editor may have added to has a warning: ${JSON.stringify(text)}`, async (t) => {
    const { import: importKey } = await replica();
    const secret = text.replace("x", newSecret());
    const { warnings } = await importKey(secret, { profile: "viasocket", tenant: "", encoding: "utf8" });
    t.deepEqual(warnings, ["WHITESPACE"]);
  });

test("the current secret again is KEY_EXISTS, which says so; a reading or an owner of its own is another one", async (t) => {
  const { import: importKey, audited } = await replica();
  const secret = newSecret();
  await importKey(secret, { keyId: "one" });
  await t.throwsAsync(importKey(secret, { keyId: "two" }), {
    instanceOf: Problem,
    code: "KEY_EXISTS",
    message: "the profile (and tenant) already has this secret as its current one, with key_id one",
  });
  await importKey(secret, { tenant: "other" });
  await importKey(secret, { encoding: "utf8" });
  await importKey(secret, { keyId: "three" });
  t.is(audited.length, 4);
});

test("a weak secret is WEAK_KEY and leaves nothing, unless it is allowed, which is audited and warned of", async (t) => {
  const { import: importKey, audited, secrets } = await replica();
  const weak = { encoding: "utf8", profile: "viasocket", tenant: "" } as const;
  for (const secret of ["eightbyt", "*****************", "YOUR ACCESS KEY HERE"])
    t.is(await problemOf(() => importKey(secret, weak)), "WEAK_KEY");
  t.deepEqual([audited, secrets.list(start)], [[], []]);
  t.deepEqual((await importKey("eightbyt", { ...weak, allowWeak: true })).warnings, ["WEAK_KEY"]);
  t.like(audited[0], { allowedWeak: true, byteLength: 8 });
  t.is((await importKey(newSecret(), { ...weak, allowWeak: true })).warnings.length, 0);
  t.like(audited[1], { allowedWeak: false });
});

test("an empty secret is refused though weak ones are allowed", async (t) => {
  const { import: importKey } = await replica();
  t.is(await problemOf(() => importKey("", { allowWeak: true })), "INVALID_REQUEST");
});

const good = newSecret();
for (const [name, request, fields] of [
  ["a tenant that is missing", { tenant: "" }, ["tenant"]],
  ["a tenant that is not taken", { profile: "viasocket" }, ["tenant"]],
  ["a tenant with a control character", { tenant: "a\u0001" }, ["tenant"]],
  ["a profile with a rotating keyset", { profile: "service", tenant: "" }, ["profile"]],
  ["no encoding", { encoding: undefined }, ["encoding"]],
  ["a bad key id", { keyId: "a b" }, ["key_id"]],
  ["a key id that is too long", { keyId: "k".repeat(256) }, ["key_id"]],
  ["a negative overlap", { overlap: { seconds: -1n, nanos: 0 } }, ["overlap"]],
  ["a fraction of a second", { overlap: { seconds: 1n, nanos: 1 } }, ["overlap"]],
  ["an overlap of more than ten years", { overlap: { seconds: 315_360_001n, nanos: 0 } }, ["overlap"]],
  ["a secret that does not round-trip", { secret: `${good}\n` }, ["secret"]],
  ["a secret that is too long", { secret: "A".repeat(4100) }, ["secret"]],
  [
    "everything",
    { tenant: "", encoding: undefined, keyId: " ", secret: "" },
    ["encoding", "key_id", "secret", "tenant"],
  ],
] as const satisfies readonly (readonly [string, Partial<ImportRequest>, readonly string[]])[]) {
  test(`INVALID_REQUEST names the field: ${name}`, async (t) => {
    const { parts, audited } = await replica();
    const error = await t.throwsAsync(createImportSecret(parts)(requestOf(good, request), callerNamed("caller")), {
      instanceOf: Problem,
    });
    t.is(error?.code, "INVALID_REQUEST");
    t.deepEqual(error?.violations.map(({ field }) => field).toSorted(), [...fields]);
    t.false(JSON.stringify([error?.message, error?.violations]).includes(good.slice(0, 12)));
    t.deepEqual(audited, []);
  });
}

test("a replica whose clock is wrong imports nothing: what it replaces would end too early or too late", async (t) => {
  const { parts, audited, secrets } = await replica();
  const wrong = new Problem("CLOCK_DIFFERS", "a test");
  const requireRightClock = () => {
    throw wrong;
  };
  t.is(
    await t.throwsAsync(
      createImportSecret({ ...parts, requireRightClock })(requestOf(newSecret()), callerNamed("caller")),
    ),
    wrong,
  );
  t.deepEqual([audited, secrets.list(start)], [[], []]);
});

test("the longest secret is taken", async (t) => {
  const { import: importKey } = await replica();
  const secret = randomBytes(3072).toString("base64");
  t.is(secret.length, 4096);
  t.is((await importKey(secret)).key.byteLength, 3072);
});

test("an unknown profile is PROFILE_NOT_FOUND, and a kid that was there is KEY_EXISTS; neither has an event", async (t) => {
  const { import: importKey, audited } = await replica();
  await importKey(newSecret(), { keyId: "k1" });
  t.is(await problemOf(() => importKey(newSecret(), { profile: "nothing" })), "PROFILE_NOT_FOUND");
  t.is(await problemOf(() => importKey(newSecret(), { keyId: "k1" })), "KEY_EXISTS");
  t.is(await problemOf(() => importKey(newSecret(), { keyId: "k1", tenant: "other" })), "done");
  t.is(audited.length, 2);
});

test("a ninth secret that would verify is TOO_MANY_KEYS", async (t) => {
  const { import: importKey } = await replica();
  for (let count = 0; count < 8; count++) await importKey(newSecret());
  t.is(await problemOf(() => importKey(newSecret())), "TOO_MANY_KEYS");
  t.is(await problemOf(() => importKey(newSecret(), { overlap: zero })), "done");
});

test("a secret whose event can't be stored is not imported", async (t) => {
  const one = await replica();
  for (const [code, expected] of [
    ["FULL", "AUDIT_FULL"],
    ["UNAVAILABLE", "AUDIT_UNAVAILABLE"],
  ] as const) {
    const audit = { append: () => Promise.reject(new AuditError(code, "no")) };
    const importKey = createImportSecret({ ...one.parts, audit });
    t.is(await problemOf(() => importKey(requestOf(newSecret(), { keyId: "k1" }), callerNamed("caller"))), expected);
  }
  t.deepEqual(one.secrets.list(start), []);
  t.is(lookUp(one, "k1", ""), "unknown");
});

test("the event of a secret is stored before anybody can use it", async (t) => {
  const one = await replica();
  const seen: string[] = [];
  const audit = { append: async () => void seen.push(lookUp(one, "k1", "")) };
  await createImportSecret({ ...one.parts, audit })(requestOf(newSecret(), { keyId: "k1" }), callerNamed("caller"));
  t.deepEqual(seen, ["unknown"]);
});

test("the loser of the race for an epoch with the same kid gets KEY_EXISTS; each has at most one event", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const [left, right] = [await openReplica(store), await openReplica(store)];
  const work = [left, right].map((one) => problemOf(() => one.import(newSecret(), { keyId: "k1" })));
  t.deepEqual((await Promise.all(work)).toSorted(), ["KEY_EXISTS", "done"]);
  t.is((await openReplica(store)).secrets.list(start).length, 1);
});
