import { createHmac } from "node:crypto";
import test from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { keysetRecords, parseRecord } from "../../../src/keys/rotating/parse-record.ts";
import { NEVER } from "../../../src/keys/rotating/record.ts";
import {
  type RecordKey,
  type RecordKeys,
  unwrapRecord,
  wrapRecord,
} from "../../../src/keys/store/authenticated-record.ts";
import { makeKey, makeRing, start } from "./ring-under-test.ts";

const recordKey = (kek: string): RecordKey => ({
  kek,
  mac: (body) => createHmac("sha256", kek).update(body).digest("base64url"),
});
const keys: RecordKeys = [recordKey("current")];
const ring = makeRing({ keys: [makeKey(1), makeKey(2)] });

test("a record is read back as it was, with and without private keys", (t) => {
  const { sealed: _, ...spent } = makeKey(1);
  const record = makeRing({ keys: [spent, makeKey(2)], reason: "retired", epoch: 7 });
  t.deepEqual(unwrapRecord(wrapRecord(record, keys), keysetRecords("service"), 7, keys), record);
});

test("a standby and a revoked key are read back as they were", (t) => {
  const { sealed: _, ...half } = makeKey(1);
  const standby = { ...makeKey(2), signFrom: NEVER, signUntil: NEVER, verifyUntil: NEVER, since: 4 };
  const taken = { ...half, revoked: { at: start, reason: "stolen" } };
  const record = makeRing({ keys: [taken, standby], reason: "emergency", epoch: 7 });
  t.deepEqual(unwrapRecord(wrapRecord(record, keys), keysetRecords("service"), 7, keys), record);
});

test("a key of a record from before there were replicas is as old as its epoch", (t) => {
  const { since: _, ...old } = makeKey(1);
  const record = { ...makeRing({ epoch: 7 }), keys: [old] };
  t.is(parseRecord(JSON.stringify(record)).keys[0]?.since, 7);
});

test("a record under the previous key is read, and the next is written under the current one", (t) => {
  const both: RecordKeys = [recordKey("new"), recordKey("current")];
  t.deepEqual(unwrapRecord(wrapRecord(ring, keys), keysetRecords("service"), 1, both), ring);
  t.deepEqual(unwrapRecord(wrapRecord(ring, both), keysetRecords("service"), 1, [recordKey("new")]), ring);
});

test("a record under a key that was not given is WRONG_KEK, with the ids of both", (t) => {
  const error = t.throws(
    () => unwrapRecord(wrapRecord(ring, keys), keysetRecords("service"), 1, [recordKey("other")]),
    {
      instanceOf: KeyringError,
    },
  );
  t.is(error?.code, "WRONG_KEK");
  t.regex(error?.message ?? "", /was written under the key-encryption key \S+, and not under the given other$/);
});

test("every bit of a stored record that is flipped is found as BROKEN_RECORD", (t) => {
  const stored = wrapRecord(ring, keys);
  for (let at = 0; at < stored.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(stored);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
      const code = codeOf(() => unwrapRecord(damaged, keysetRecords("service"), 1, keys));
      if (code !== "BROKEN_RECORD") t.fail(`bit ${bit} of byte ${at}: ${code}`);
    }
  }
  t.is(
    codeOf(() => unwrapRecord(stored, keysetRecords("service"), 1, keys)),
    undefined,
  );
});

test("a stored record that is cut off anywhere is found as BROKEN_RECORD", (t) => {
  const stored = wrapRecord(ring, keys);
  for (let length = 0; length < stored.length; length++) {
    t.is(
      codeOf(() => unwrapRecord(stored.subarray(0, length), keysetRecords("service"), 1, keys)),
      "BROKEN_RECORD",
    );
  }
});

test("a good record instead of another epoch or keyset is found as BROKEN_RECORD", (t) => {
  const stored = wrapRecord(ring, keys);
  t.is(
    codeOf(() => unwrapRecord(stored, keysetRecords("service"), 2, keys)),
    "BROKEN_RECORD",
  );
  t.is(
    codeOf(() => unwrapRecord(stored, keysetRecords("other"), 1, keys)),
    "BROKEN_RECORD",
  );
});

test("as many RSA keys as may ever be listed fit an entry of the store", (t) => {
  const rsa = { alg: "RS256", publicJwk: { kty: "RSA", n: "n".repeat(342), e: "AQAB" }, since: 123_456 } as const;
  const half = { sealed: "s".repeat(1_900) };
  const taken = { revoked: { at: start, reason: '"'.repeat(256) } };
  const listed = Array.from({ length: 61 }, (_, index) => {
    const { sealed: _sealed, ...spent } = { ...makeKey(index), ...rsa };
    return { ...spent, ...(index < 5 ? half : {}), ...(index < 45 ? {} : taken) };
  });
  const record = makeRing({ keys: listed, epoch: 123_456, reason: "emergency" });
  t.true(wrapRecord(record, keys).byteLength < 64 * 1024);
});

const key = makeKey(1);
const revoked = { at: start, reason: "stolen" };
const faults: Record<string, unknown> = {
  "record must be an object": [],
  "version must be 1": { ...ring, version: 2 },
  "record.epoch is missing": { ...ring, epoch: undefined },
  "record must not have other members than version": { ...ring, revoked: [] },
  "keyset must be text": { ...ring, keyset: "a/b" },
  "epoch must be a whole number of at least 1": { ...ring, epoch: 0 },
  "createdAt must be a whole number": { ...ring, createdAt: 1.5 },
  "reason must be one of first, scheduled": { ...ring, reason: "whim" },
  "keys must be an array": { ...ring, keys: {} },
  "keys must not be empty": { ...ring, keys: [] },
  "keys must not hold one kid twice": { ...ring, keys: [key, key] },
  "keys\\[1\\].kid must be text": { ...ring, keys: [key, { ...key, kid: "short" }] },
  "keys\\[0\\].alg must be one of EdDSA": { ...ring, keys: [{ ...key, alg: "none" }] },
  "keys\\[0\\].publicJwk.kty must be one of OKP": {
    ...ring,
    keys: [{ ...key, publicJwk: { ...key.publicJwk, kty: "oct" } }],
  },
  "keys\\[0\\].publicJwk must not have other members than": {
    ...ring,
    keys: [{ ...key, publicJwk: { ...key.publicJwk, d: "x" } }],
  },
  "keys\\[0\\].publicJwk.x must be text": { ...ring, keys: [{ ...key, publicJwk: { ...key.publicJwk, x: "A" } }] },
  "keys\\[0\\].publishAt must be a whole number": { ...ring, keys: [{ ...key, publishAt: "0" }] },
  "keys\\[0\\].signFrom must not be before publishAt": { ...ring, keys: [{ ...key, signFrom: start - 1 }] },
  "keys\\[0\\].verifyUntil must be after signUntil": { ...ring, keys: [{ ...key, verifyUntil: key.signUntil }] },
  "keys\\[0\\].sealed must be text": { ...ring, keys: [{ ...key, sealed: "" }] },
  "keys\\[0\\].sealed must be absent": { ...ring, keys: [{ ...key, revoked }] },
  "keys\\[0\\].revoked.at must be a whole number": { ...ring, keys: [{ ...key, revoked: { ...revoked, at: -1 } }] },
  "keys\\[0\\].revoked.reason must be text": { ...ring, keys: [{ ...key, revoked: { ...revoked, reason: "" } }] },
  "keys\\[0\\].since must be a whole number": { ...ring, keys: [{ ...key, since: 0 }] },
  "keys\\[0\\].since must not be after the epoch": { ...ring, keys: [{ ...key, since: 2 }] },
  "keys\\[0\\].signUntil must be after signFrom": { ...ring, keys: [{ ...key, signUntil: key.signFrom }] },
  "keys\\[0\\].signUntil must be after": { ...ring, keys: [{ ...key, signFrom: NEVER, verifyUntil: NEVER }] },
};

for (const [rule, record] of Object.entries(faults)) {
  test(`a bad record is refused with where and why: ${rule}`, (t) => {
    const error = t.throws(() => parseRecord(JSON.stringify(record)), { instanceOf: KeyringError });
    t.is(error?.code, "BROKEN_RECORD");
    t.regex(error?.message ?? "", new RegExp(`^epoch record: ${rule}`));
  });
}

test("the error of a bad record does not quote it", (t) => {
  const broken = JSON.stringify({ ...ring, keys: [{ ...key, sealed: "se cret" }] });
  t.notRegex(t.throws(() => parseRecord(broken))?.message ?? "", /cret/);
  t.notRegex(t.throws(() => parseRecord(`{"secret`))?.message ?? "", /secret/);
});

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof KeyringError ? error.code : String(error);
  }
}
