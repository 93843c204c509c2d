import { createHmac } from "node:crypto";
import test from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { parseSecretEpoch, secretPlace, secretRecords } from "../../../src/keys/imported/parse-secret.ts";
import type { SecretEpoch } from "../../../src/keys/imported/secret.ts";
import {
  MAX_LISTED,
  MAX_VERIFYING,
  type NewSecret,
  withoutSpentTexts,
  withSecret,
} from "../../../src/keys/imported/secret-ring.ts";
import { secretInfos } from "../../../src/keys/imported/views.ts";
import { type RecordKey, unwrapRecord, wrapRecord } from "../../../src/keys/store/authenticated-record.ts";
import { keyringCode } from "../../support/keyring-code.ts";
import { hour, start } from "../rotating/ring-under-test.ts";

const owner = { profile: "hivekit", tenant: "acme" };

function secretOf(kid: string, signFrom = start): NewSecret {
  const fingerprint = "abcdefghijklmnop";
  return { kid, alg: "HS256", encoding: "base64", byteLength: 32, fingerprint, signFrom, sealed: `sealed-${kid}` };
}

/** The ring after these were imported, an hour apart, each with this overlap. */
function ringOf(kids: readonly string[], overlap: number): SecretEpoch {
  let ring: SecretEpoch | undefined;
  kids.forEach((kid, index) => {
    const time = start + index * hour;
    const next = withSecret(ring, owner, secretOf(kid, time), time + overlap);
    if (typeof next === "string") throw new Error(next);
    ring = next;
  });
  if (ring === undefined) throw new Error("no kids");
  return ring;
}

const states = (ring: SecretEpoch, now: number) =>
  Object.fromEntries(secretInfos(ring, now).map(({ kid, state }) => [kid, state]));

test("a new secret signs at once, and those before it verify for the overlap", (t) => {
  const ring = ringOf(["one", "two"], 3 * hour);
  const end = start + 4 * hour;
  t.deepEqual(states(ring, end - 1), { two: "active", one: "retired" });
  t.deepEqual(states(ring, end), { two: "active", one: "removed" });
  const [two, one] = secretInfos(ring, start + hour);
  t.like(one, { signFrom: start, signUntil: start + hour, verifyUntil: end, epoch: 2 });
  t.like(two, { signFrom: start + hour, signUntil: undefined, verifyUntil: undefined });
});

test("an overlap of 0 ends those before it now, and drops their texts", (t) => {
  const ring = ringOf(["one", "two"], 0);
  t.deepEqual(states(ring, start + hour), { two: "active", one: "removed" });
  t.is(ring.secrets[0]?.sealed, undefined);
  t.is(ring.secrets[1]?.sealed, "sealed-two");
});

test("a later import never gives an earlier secret a longer life", (t) => {
  const before = ringOf(["one", "two"], hour);
  const ring = withSecret(before, owner, secretOf("three", start + hour), start + 100 * hour);
  if (typeof ring === "string") return t.fail(ring);
  t.is(ring.secrets[0]?.verifyUntil, start + 2 * hour);
  t.is(ring.secrets[1]?.verifyUntil, start + 101 * hour - hour);
});

test("a kid that is there, or was, is KEY_EXISTS", (t) => {
  for (const overlap of [0, hour]) {
    const ring = ringOf(["one", "two"], overlap);
    for (const kid of ["one", "two"]) t.is(withSecret(ring, owner, secretOf(kid), start), "KEY_EXISTS");
  }
});

test("more than eight may not verify at once, unless those before end", (t) => {
  const kids = Array.from({ length: MAX_VERIFYING }, (_, at) => `k${at}`);
  const ring = ringOf(kids, 1000 * hour);
  const time = start + 8 * hour;
  t.is(withSecret(ring, owner, secretOf("more", time), time + hour), "TOO_MANY_KEYS");
  const ended = withSecret(ring, owner, secretOf("more", time), time);
  t.true(typeof ended !== "string" && ended.secrets.filter(({ sealed }) => sealed !== undefined).length === 1);
});

test("of those that are over the oldest leave first, and one that verifies never leaves", (t) => {
  const kids = Array.from({ length: MAX_LISTED + 3 }, (_, at) => `k${at}`);
  t.deepEqual(
    ringOf(kids, 0).secrets.map(({ kid }) => kid),
    kids.slice(3),
  );
  const mixed = ringOf(kids, 6 * hour);
  t.is(mixed.secrets.length, MAX_LISTED);
  t.deepEqual(
    mixed.secrets.map(({ kid }) => kid),
    kids.slice(3),
  );
});

test("the texts of secrets that are over are dropped when it is time, and not before", (t) => {
  const ring = ringOf(["one", "two"], hour);
  t.is(withoutSpentTexts(ring, start + 2 * hour - 1), undefined);
  const tidied = withoutSpentTexts(ring, start + 2 * hour);
  t.deepEqual(
    tidied?.secrets.map(({ sealed }) => sealed),
    [undefined, "sealed-two"],
  );
  t.is(tidied?.epoch, 3);
});

test("a clock that stepped back does not make a secret verify again", (t) => {
  const before = ringOf(["one", "two"], 0);
  const ring = withSecret(before, owner, secretOf("three", start - hour), start - hour);
  if (typeof ring === "string") return t.fail(ring);
  t.is(ring.createdAt, before.createdAt);
  t.is(ring.secrets[0]?.sealed, undefined);
  t.deepEqual(parseSecretEpoch(JSON.stringify(ring)), ring);
});

test("the largest ring fits an entry of the store", (t) => {
  const tenant = '"'.repeat(255);
  // 4 KiB of text and a header with the tenant, encrypted and in base64url.
  const sealed = "x".repeat(((4096 + 1100) * 4) / 3);
  let ring: SecretEpoch | undefined;
  for (let at = 0; at < MAX_LISTED * 2; at++) {
    const kid = String(at).padStart(64, "k");
    const until = at < MAX_LISTED ? start : start + hour;
    const next = withSecret(ring, { profile: "p".repeat(64), tenant }, { ...secretOf(kid), sealed }, until);
    if (next === "TOO_MANY_KEYS") break;
    if (typeof next === "string") return t.fail(next);
    ring = next;
  }
  if (ring === undefined) return t.fail("no ring");
  t.is(ring.secrets.length, MAX_LISTED);
  t.is(ring.secrets.filter((secret) => secret.sealed !== undefined).length, MAX_VERIFYING);
  t.true(wrapRecord(ring, [recordKey]).length <= 64 * 1024);
});

test("a ring is read back as it was, under the key of its own tenant alone", (t) => {
  const ring = ringOf(["one", "two"], hour);
  const stored = wrapRecord(ring, [recordKey]);
  t.deepEqual(unwrapRecord(stored, secretRecords(owner), 2, [recordKey]), ring);
  for (const other of [
    { ...owner, tenant: "other" },
    { ...owner, tenant: "" },
    { ...owner, profile: "other" },
  ])
    t.is(
      keyringCode(() => unwrapRecord(stored, secretRecords(other), 2, [recordKey])),
      "BROKEN_RECORD",
    );
});

for (const tenant of ["", "_", "acme", "a/b", "Käse", "..", " ", "x".repeat(255)]) {
  test(`the secrets of tenant ${JSON.stringify(tenant.slice(0, 9))} have a place of their own in the store`, (t) => {
    const key = `${secretRecords({ ...owner, tenant }).prefix}7`;
    t.regex(key, /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/);
    t.deepEqual(secretPlace(key), { owner: { ...owner, tenant }, epoch: 7 });
  });
}

for (const key of [
  "secrets/hivekit/YWNtZQ/epoch/0",
  "secrets/hivekit/YWNtZQ/epoch/01",
  "secrets/hivekit/YWNtZQ",
  "secrets/hivekit/YWNtZR/epoch/1",
  "secrets/hivekit/__8/epoch/1",
  "secrets/Hivekit/YWNtZQ/epoch/1",
])
  test(`${key} is not the key of an epoch of secrets`, (t) => {
    t.is(secretPlace(key)?.epoch, undefined);
  });

const good = ringOf(["one", "two"], hour);
const [one, two] = good.secrets;
const { sealed: _sealed, ...ended } = { ...one };
const faults: Record<string, unknown> = {
  "version must be 1": { ...good, version: 2 },
  "record must not have other members than": { ...good, keyset: "service" },
  "profile must be text": { ...good, profile: "A" },
  "tenant must be text": { ...good, tenant: "x".repeat(256) },
  "epoch must be a whole number of at least 1": { ...good, epoch: 0 },
  "secrets must not be empty": { ...good, secrets: [] },
  "secrets must not hold one kid twice": { ...good, secrets: [{ ...one, kid: "two" }, two] },
  "secrets must have one that signs": { ...good, secrets: [two, one] },
  "secrets must have one that signs: the last sealed one": { ...good, secrets: [{ ...two, kid: "x" }, two] },
  "secrets must have one that signs: the last sealed one, the only one without verifyUntil": {
    ...good,
    secrets: [ended],
  },
  "secrets\\[1\\].sealed must be absent": {
    ...good,
    secrets: [one, { ...two, verifyUntil: two?.signFrom, revoked: { at: start, reason: "stolen" } }],
  },
  "secrets\\[0\\].revoked must be an object": { ...good, secrets: [{ ...ended, revoked: true }, two] },
  "secrets\\[0\\].revoked.reason must be text": {
    ...good,
    secrets: [{ ...ended, revoked: { at: 0, reason: "" } }, two],
  },
  "secrets\\[0\\].kid must be text": { ...good, secrets: [{ ...one, kid: "a b" }, two] },
  "secrets\\[0\\].alg must be one of HS256, HS384, HS512, EdDSA": { ...good, secrets: [{ ...one, alg: "none" }, two] },
  "secrets\\[0\\].encoding must be one of utf8": { ...good, secrets: [{ ...one, encoding: "latin1" }, two] },
  "secrets\\[0\\].byteLength must be a whole number": { ...good, secrets: [{ ...one, byteLength: 0 }, two] },
  "secrets\\[0\\].fingerprint must be text": { ...good, secrets: [{ ...one, fingerprint: "short" }, two] },
  "secrets\\[0\\].verifyUntil must be a whole number": { ...good, secrets: [{ ...one, verifyUntil: start - 1 }, two] },
  "secrets\\[0\\].sealed must be text": { ...good, secrets: [{ ...one, sealed: "" }, two] },
};

for (const [rule, record] of Object.entries(faults)) {
  test(`a bad record of secrets is refused with where and why: ${rule}`, (t) => {
    const error = t.throws(() => parseSecretEpoch(JSON.stringify(record)), { instanceOf: KeyringError });
    t.is(error?.code, "BROKEN_RECORD");
    t.regex(error?.message ?? "", new RegExp(`^epoch record: ${rule}`));
  });
}

const recordKey: RecordKey = {
  kek: "x".repeat(12),
  mac: (body) => createHmac("sha256", "key").update(body).digest("base64url"),
};
