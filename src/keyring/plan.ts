import type { KeyPolicy } from "./bounds.ts";
import type { EpochReason, EpochRecord, KeyRecord, KeyTimes } from "./record.ts";
import { nextToSign, ringTime, signer } from "./state.ts";

/** The next epoch, but for the keys that are to be made: one for each of `make`. */
export interface EpochPlan {
  readonly epoch: number;
  readonly createdAt: number;
  readonly reason: EpochReason;
  readonly keep: readonly KeyRecord[];
  readonly make: readonly KeyTimes[];
}

/** How long a removed key stays listed, so that its tokens are told from those of a key that never was. */
const listedAfterRemoval = 24 * 60 * 60 * 1000;

/**
 * What the next epoch is, or undefined while the ring is right as it is. Every key keeps the times that it was made with.
 *
 * `shown` says whether a verifier may hold a JWKS of this service that lacks a key made now: that key then waits its
 * lead before it signs, even when nothing else can sign.
 */
export function planEpoch(
  ring: EpochRecord | undefined,
  now: number,
  policy: KeyPolicy,
  shown: boolean,
): EpochPlan | undefined {
  if (ring === undefined) {
    return { epoch: 1, createdAt: now, reason: "first", keep: [], make: firstKeys(now, policy, shown) };
  }
  const time = ringTime(ring, now);
  const keep = kept(ring, time);
  const next = { epoch: ring.epoch + 1, createdAt: time, keep };
  const leading = signer(ring, now) ?? soonest(ring, time, policy);
  if (leading === undefined) return { ...next, reason: "lapsed", make: firstKeys(time, policy, shown) };
  if (!hasSuccessor({ ...ring, keys: keep }, leading, time, policy)) {
    return { ...next, reason: "scheduled", make: [successor(leading, time, policy)] };
  }
  // Keys that are only to be unlisted wait for the next epoch that something else asks for.
  const spent = ring.keys.some((key) => withoutSpentHalf(key, time) !== key);
  return spent ? { ...next, reason: "retired", make: [] } : undefined;
}

/** A key for a ring in which nothing signs, and the one after it. */
function firstKeys(time: number, policy: KeyPolicy, shown: boolean): KeyTimes[] {
  const first = timesOf(time, shown ? time + policy.lead : time, policy);
  return [first, successor(first, time, policy)];
}

/** The key that waits for no longer than a new one would have to. */
function soonest(ring: EpochRecord, time: number, policy: KeyPolicy): KeyRecord | undefined {
  const next = nextToSign(ring, time);
  return next !== undefined && next.signFrom <= time + policy.lead ? next : undefined;
}

/** Whether a key takes over before `leading` ends, or as soon as a new one could. */
function hasSuccessor(ring: EpochRecord, leading: KeyRecord, time: number, policy: KeyPolicy): boolean {
  const next = nextToSign(ring, leading.signFrom);
  return next !== undefined && next.signFrom <= Math.max(leading.signUntil, time + policy.lead);
}

/**
 * The key after `leading`, which may have been made under another policy: it takes over a period later, with the overlap
 * that `leading` has room for, and never before its own lead.
 */
function successor(leading: KeyTimes, time: number, policy: KeyPolicy): KeyTimes {
  const overlap = Math.min(policy.activationDelay, Math.floor((leading.signUntil - leading.signFrom) / 2));
  const due = Math.min(leading.signFrom + policy.period, leading.signUntil - overlap);
  return timesOf(time, Math.max(due, time + policy.lead), policy);
}

function timesOf(publishAt: number, signFrom: number, policy: KeyPolicy): KeyTimes {
  const signUntil = signFrom + policy.period + policy.activationDelay;
  return { publishAt, signFrom, signUntil, verifyUntil: signUntil + policy.maxTtl + policy.skew + policy.stopUsing };
}

/** The ring's keys without the private halves that have signed for the last time; long removed keys go with them. */
function kept(ring: EpochRecord, time: number): readonly KeyRecord[] {
  return ring.keys
    .filter((key) => time < key.verifyUntil + listedAfterRemoval)
    .map((key) => withoutSpentHalf(key, time));
}

function withoutSpentHalf(key: KeyRecord, time: number): KeyRecord {
  if (key.sealed === undefined || time < key.signUntil) return key;
  const { sealed: _, ...rest } = key;
  return rest;
}
