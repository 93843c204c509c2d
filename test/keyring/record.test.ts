import { createHmac } from "node:crypto";
import test from "ava";
import { type RecordKey, type RecordKeys, unwrapRecord, wrapRecord } from "../../src/keyring/envelope.ts";
import { KeyringError } from "../../src/keyring/error.ts";
import { keysetRecords, parseRecord } from "../../src/keyring/parse-record.ts";
import { makeKey, makeRing, start } from "./ring-under-test.ts";

const recordKey = (kek: string): RecordKey => ({
  kek,
  mac: (body) => createHmac("sha256", kek).update(body).digest("base64url"),
});
const keys: RecordKeys = [recordKey("current")];
const ring = makeRing({ keys: [makeKey(1), makeKey(2)] });

test("a record is read back as it was, with and without private halves", (t) => {
  const { sealed: _, ...spent } = makeKey(1);
  const record = makeRing({ keys: [spent, makeKey(2)], reason: "retired", epoch: 7 });
  t.deepEqual(unwrapRecord(wrapRecord(record, keys), keysetRecords("service"), 7, keys), record);
});

test("a record under the previous key is read, and the next is written under the current one", (t) => {
  const both: RecordKeys = [recordKey("new"), recordKey("current")];
  t.deepEqual(unwrapRecord(wrapRecord(ring, keys), keysetRecords("service"), 1, both), ring);
  t.deepEqual(unwrapRecord(wrapRecord(ring, both), keysetRecords("service"), 1, [recordKey("new")]), ring);
});

test("a record under a key that is not at hand is told as WRONG_KEK, with the id of the one that is", (t) => {
  const error = t.throws(
    () => unwrapRecord(wrapRecord(ring, keys), keysetRecords("service"), 1, [recordKey("other")]),
    {
      instanceOf: KeyringError,
    },
  );
  t.is(error?.code, "WRONG_KEK");
  t.regex(error?.message ?? "", /at hand is other/);
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

test("a good record in the place of another epoch or keyset is found as BROKEN_RECORD", (t) => {
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

const key = makeKey(1);
const faults: Record<string, unknown> = {
  "record must be an object": [],
  "version must be 1": { ...ring, version: 2 },
  "record.epoch is missing": { ...ring, epoch: undefined },
  "record must hold nothing but version": { ...ring, revoked: [] },
  "keyset must be text": { ...ring, keyset: "a/b" },
  "epoch must be a whole number, at least 1": { ...ring, epoch: 0 },
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
  "keys\\[0\\].publicJwk must hold nothing but": {
    ...ring,
    keys: [{ ...key, publicJwk: { ...key.publicJwk, d: "x" } }],
  },
  "keys\\[0\\].publicJwk.x must be text": { ...ring, keys: [{ ...key, publicJwk: { ...key.publicJwk, x: "A" } }] },
  "keys\\[0\\].publishAt must be a whole number": { ...ring, keys: [{ ...key, publishAt: "0" }] },
  "keys\\[0\\].signFrom must not be before publishAt": { ...ring, keys: [{ ...key, signFrom: start - 1 }] },
  "keys\\[0\\].signUntil must be after signFrom": { ...ring, keys: [{ ...key, signUntil: key.signFrom }] },
  "keys\\[0\\].verifyUntil must be after signUntil": { ...ring, keys: [{ ...key, verifyUntil: key.signUntil }] },
  "keys\\[0\\].sealed must be text": { ...ring, keys: [{ ...key, sealed: "" }] },
};

for (const [rule, record] of Object.entries(faults)) {
  test(`a bad record is refused with where and why: ${rule}`, (t) => {
    const error = t.throws(() => parseRecord(JSON.stringify(record)), { instanceOf: KeyringError });
    t.is(error?.code, "BROKEN_RECORD");
    t.regex(error?.message ?? "", new RegExp(`^epoch record: ${rule}`));
  });
}

test("the error of a bad record quotes nothing of it", (t) => {
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
