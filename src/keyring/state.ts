import type { EpochRecord, KeyRecord } from "./record.ts";

/** Where a key is in its life: known but not signing yet, signing, only verifying, or neither. */
export type KeyState = "published" | "active" | "retired" | "removed";

/** The key that signs now. Undefined when the ring has lapsed, or its first key still waits. */
export function signer(ring: EpochRecord, now: number): KeyRecord | undefined {
  return signerAt(ring, ringTime(ring, now));
}

/** Whether tokens under the key verify now. */
export function isVerifiable(ring: EpochRecord, key: KeyRecord, now: number): boolean {
  return key.publishAt <= latest(ring, now) && now < key.verifyUntil;
}

/** The keys that verifiers must know now, for the JWKS; the newest first. */
export function published(ring: EpochRecord, now: number): readonly KeyRecord[] {
  return newestFirst(ring).filter((key) => isVerifiable(ring, key, now));
}

export function keyState(ring: EpochRecord, key: KeyRecord, now: number): KeyState {
  if (now >= key.verifyUntil) return "removed";
  const active = signer(ring, now);
  if (active === key) return "active";
  const superseded = active !== undefined && key.signFrom < active.signFrom;
  return superseded || ringTime(ring, now) >= key.signUntil ? "retired" : "published";
}

/** The first moment after `now` at which any answer of this file may differ. Unix milliseconds. */
export function nextChange(ring: EpochRecord, now: number): number {
  const moments = ring.keys.flatMap((key) => [key.publishAt, key.signFrom, key.signUntil, key.verifyUntil]);
  return Math.min(...moments.filter((moment) => moment > now));
}

/** When the next key takes over. Undefined when none is waiting. Unix milliseconds. */
export function nextRotation(ring: EpochRecord, now: number): number | undefined {
  const next = nextToSign(ring, ringTime(ring, now));
  return next?.signFrom;
}

/** The first key that is going to sign after `time`. */
export function nextToSign(ring: EpochRecord, time: number): KeyRecord | undefined {
  const waiting = ring.keys.filter((key) => key.sealed !== undefined && key.signFrom > time);
  return waiting.toSorted((left, right) => left.signFrom - right.signFrom)[0];
}

export function newestFirst(ring: EpochRecord): readonly KeyRecord[] {
  return ring.keys.toSorted((left, right) => right.signFrom - left.signFrom);
}

/**
 * The time that the ring lives in. A clock that steps back must not ask for a key whose private half is dropped already:
 * the epoch's own time proves that it was later. Unless nothing could sign then: that time was wrong, not this one.
 */
export function ringTime(ring: EpochRecord, now: number): number {
  const time = latest(ring, now);
  return signerAt(ring, time) === undefined ? now : time;
}

function latest(ring: EpochRecord, now: number): number {
  return Math.max(now, ring.createdAt);
}

function signerAt(ring: EpochRecord, time: number): KeyRecord | undefined {
  return newestFirst(ring).find((key) => key.sealed !== undefined && key.signFrom <= time && time < key.signUntil);
}
