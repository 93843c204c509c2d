import test from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { type CurrentEpoch, type HighestEpoch, reconcile } from "../../../src/keys/rotating/reconcile.ts";
import { type EpochRecord, NEVER } from "../../../src/keys/rotating/record.ts";
import { day, hour, makeKey, makeRing, start } from "./ring-under-test.ts";

const now = start + hour;
const revoked = { at: start, reason: "it leaked" };

/** A key that is revoked, as a ring lists it. */
function revokedKey(number: number) {
  const { sealed: _, ...key } = makeKey(number, { revoked });
  return key;
}

function bytesOf(record: EpochRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

function inUse(record: EpochRecord): CurrentEpoch {
  return { stored: { epoch: record.epoch, bytes: bytesOf(record) }, ring: { record } };
}

function inStore(record: EpochRecord): HighestEpoch {
  return { epoch: record.epoch, bytes: bytesOf(record), read: () => record };
}

/** An epoch that must not be read, since it can't replace the ring in use. */
function unreadable(record: EpochRecord): HighestEpoch {
  const read = (): never => {
    throw new KeyringError("BROKEN_RECORD", "damaged");
  };
  return { epoch: record.epoch, bytes: bytesOf(record), read };
}

const older = makeRing({ epoch: 2 });
const ring = makeRing({ epoch: 3 });
const newer = makeRing({ epoch: 4, keys: [makeKey(1), makeKey(2)] });

test("without a ring in use and without epochs nothing changes", (t) => {
  t.deepEqual(reconcile(undefined, undefined, now), { type: "same" });
});

test("without a ring in use the store's epoch is adopted, whatever it revokes, and no key is dropped by that", (t) => {
  const record = makeRing({ keys: [makeKey(1), revokedKey(2)] });
  t.deepEqual(reconcile(undefined, inStore(record), now), { type: "adopt", record, dropped: [] });
});

test("the same bytes change nothing, and are not read again", (t) => {
  t.deepEqual(reconcile(inUse(ring), unreadable(ring), now), { type: "same" });
});

test("a newer epoch is adopted", (t) => {
  t.deepEqual(reconcile(inUse(ring), inStore(newer), now), { type: "adopt", record: newer, dropped: [] });
});

test("at the same epoch another record is adopted: all other replicas use it", (t) => {
  const other = makeRing({ epoch: 3, keys: [makeKey(1), makeKey(2)] });
  t.deepEqual(reconcile(inUse(ring), inStore(other), now), { type: "adopt", record: other, dropped: [] });
});

test("a store without epochs gets the ring in use back", (t) => {
  t.deepEqual(reconcile(inUse(ring), undefined, now), { type: "restore", found: 0 });
});

test("a store that was rolled back gets the ring in use back, though its own epoch can't be read", (t) => {
  t.deepEqual(reconcile(inUse(ring), unreadable(older), now), { type: "restore", found: 2 });
});

test("an epoch that may replace the ring in use and can't be trusted is an error", (t) => {
  const decide = () => reconcile(inUse(ring), unreadable(newer), now);
  t.is(t.throws(decide, { instanceOf: KeyringError })?.code, "BROKEN_RECORD");
  t.is(
    t.throws(() => reconcile(undefined, unreadable(newer), now), { instanceOf: KeyringError })?.code,
    "BROKEN_RECORD",
  );
});

test("a key that is usable again in the store's epoch is revoked again, for the same reason", (t) => {
  const before = makeRing({ epoch: 3, keys: [makeKey(1), revokedKey(2)] });
  for (const epoch of [3, 4]) {
    const record = makeRing({ epoch, keys: [makeKey(1), makeKey(2)] });
    const { kid } = makeKey(2);
    const expected = { type: "revokeAgain", record, kid, reason: "it leaked" } as const;
    t.deepEqual(reconcile(inUse(before), inStore(record), now), expected);
  }
});

test("a key is not revoked again when the store's epoch revokes it too, does not list it, or it no longer verifies", (t) => {
  const before = makeRing({ epoch: 3, keys: [makeKey(1), revokedKey(2)] });
  const spent = makeKey(2, { verifyUntil: now });
  for (const keys of [[makeKey(1), revokedKey(2)], [makeKey(1)], [makeKey(1), spent]]) {
    const record = makeRing({ epoch: 4, keys });
    t.deepEqual(reconcile(inUse(before), inStore(record), now), { type: "adopt", record, dropped: [] });
  }
});

test("a standby that was revoked and is a standby again is revoked again", (t) => {
  const before = makeRing({ epoch: 3, keys: [makeKey(1), revokedKey(2)] });
  const standby = makeKey(2, { signFrom: NEVER, signUntil: NEVER, verifyUntil: NEVER });
  t.is(reconcile(inUse(before), inStore(makeRing({ epoch: 4, keys: [makeKey(1), standby] })), now).type, "revokeAgain");
});

test("keys that have signed, still verify and are not listed any more are dropped; no others are", (t) => {
  const signed = makeKey(1);
  const over = makeKey(2, { verifyUntil: now });
  const waiting = makeKey(3, { signFrom: start + day });
  const before = makeRing({ epoch: 3, keys: [signed, over, waiting, revokedKey(4), makeKey(5)] });
  const record = makeRing({ epoch: 4, keys: [makeKey(5)] });
  t.deepEqual(reconcile(inUse(before), inStore(record), now), { type: "adopt", record, dropped: [signed.kid] });
});

test("a key that began to sign after the ring in use was made is not known to have signed", (t) => {
  const later = makeKey(1, { signFrom: start + 1, publishAt: start });
  const before = makeRing({ epoch: 3, keys: [later] });
  const record = makeRing({ epoch: 4, keys: [makeKey(5)] });
  t.deepEqual(reconcile(inUse(before), inStore(record), now), { type: "adopt", record, dropped: [] });
  const atOnce = makeRing({ epoch: 3, createdAt: start + 1, keys: [later] });
  t.deepEqual(reconcile(inUse(atOnce), inStore(record), now), { type: "adopt", record, dropped: [later.kid] });
});
