import type { KeyState } from "../model.ts";
import { type EpochRecord, type KeyRecord, NEVER } from "./record.ts";

/**
 * Whether a key that is due waits while the one before it goes on signing: replicas that don't know the new key could
 * not verify its tokens.
 */
export type Postponed = (key: KeyRecord, time: number) => boolean;

type Keys = Pick<EpochRecord, "keys">;

const NEVER_POSTPONED: Postponed = () => false;

/** The key that signs now. Undefined when the ring has lapsed, or its first key is not due yet. */
export function signer(ring: EpochRecord, now: number, postponed = NEVER_POSTPONED): KeyRecord | undefined {
  return signerAt(ring, ringTime(ring, now), postponed);
}

/** The key that signs at `time`: the newest that is due, or the one before it while the newest is postponed. */
export function signerAt(ring: Keys, time: number, postponed = NEVER_POSTPONED): KeyRecord | undefined {
  const able = ableAt(ring, time);
  return able.find((key) => !postponed(key, time)) ?? able[0];
}

/** The key that is due to sign while another one still signs instead. */
export function takingOver(ring: EpochRecord, now: number, postponed: Postponed): KeyRecord | undefined {
  const [newest] = ableAt(ring, ringTime(ring, now));
  return newest === signer(ring, now, postponed) ? undefined : newest;
}

/** Whether tokens that the key signed verify now. */
export function isVerifiable(ring: EpochRecord, key: KeyRecord, now: number): boolean {
  return key.revoked === undefined && key.publishAt <= latest(ring, now) && now < key.verifyUntil;
}

/** The keys that verifiers must know now, for the JWKS; the newest first. */
export function published(ring: EpochRecord, now: number): readonly KeyRecord[] {
  return newestFirst(ring).filter((key) => isVerifiable(ring, key, now));
}

/**
 * standby: published for an emergency. published: known, not signing yet. active: signing. retired: only verifying.
 * removed: neither signing nor verifying. revoked: removed before its time.
 */
export function keyState(ring: EpochRecord, key: KeyRecord, now: number, postponed = NEVER_POSTPONED): KeyState {
  if (key.revoked !== undefined) return "revoked";
  if (key.signFrom === NEVER) return "standby";
  if (now >= key.verifyUntil) return "removed";
  const active = signer(ring, now, postponed);
  if (active === key) return "active";
  const superseded = active !== undefined && key.signFrom < active.signFrom;
  return superseded || ringTime(ring, now) >= key.signUntil ? "retired" : "published";
}

/**
 * The first time after `now` at which a function of this file may answer differently for the same ring. Unix
 * milliseconds.
 */
export function nextChange(ring: EpochRecord, now: number): number {
  const moments = ring.keys.flatMap((key) => [key.publishAt, key.signFrom, key.signUntil, key.verifyUntil]);
  return Math.min(...moments.filter((moment) => moment > now));
}

/** When the next key takes over. Undefined when none is waiting. Unix milliseconds. */
export function nextRotation(ring: EpochRecord, now: number): number | undefined {
  const next = nextToSign(ring, ringTime(ring, now));
  return next?.signFrom;
}

/** The first key that is scheduled to sign after `time`; never the standby. */
export function nextToSign(ring: Keys, time: number): KeyRecord | undefined {
  const waiting = ring.keys.filter((key) => key.sealed !== undefined && key.signFrom > time && key.signFrom !== NEVER);
  return waiting.toSorted((left, right) => left.signFrom - right.signFrom)[0];
}

/** The key that is published and not scheduled to sign. */
export function standbyOf(ring: Keys): KeyRecord | undefined {
  return ring.keys.find((key) => key.sealed !== undefined && key.signFrom === NEVER);
}

export function newestFirst(ring: Keys): readonly KeyRecord[] {
  return ring.keys.toSorted((left, right) => right.signFrom - left.signFrom);
}

/**
 * The time that applies to the ring: never before its epoch was created. A clock that stepped back must not ask for a
 * key whose private key is dropped already. If no key could sign at the epoch's time, that time was wrong, and `now`
 * applies.
 */
export function ringTime(ring: EpochRecord, now: number): number {
  const time = latest(ring, now);
  return signerAt(ring, time) === undefined ? now : time;
}

/**
 * The first time from {@link ringTime} on at which no key begins to sign: of two that began together neither would be
 * the newest.
 */
export function freeMoment(ring: EpochRecord, now: number): number {
  let time = ringTime(ring, now);
  while (ring.keys.some(({ signFrom }) => signFrom === time)) time += 1;
  return time;
}

function latest(ring: EpochRecord, now: number): number {
  return Math.max(now, ring.createdAt);
}

/** The keys that may sign at `time`, the newest first: due, not past `signUntil`, and with a private key. */
export function ableAt(ring: Keys, time: number): readonly KeyRecord[] {
  return newestFirst(ring).filter((key) => key.sealed !== undefined && key.signFrom <= time && time < key.signUntil);
}
