import { Problem } from "../../problem/problem.ts";
import { freeMoment, nextToSign, ringTime, signer, standbyOf } from "./key-states.ts";
import type { KeyPolicy } from "./policy.ts";
import { holdsSpentPrivateKey, prunedKeys, withoutPrivateKey } from "./pruning.ts";
import { type EpochReason, type EpochRecord, type KeyRecord, type KeyTimes, NEVER } from "./record.ts";
import { type Draft, fillGaps, type LedDraft, readyAt, schedule, withSuccessorAndStandby } from "./ring-draft.ts";

/** The next epoch: the keys that it keeps, and the times of each key to make. */
export interface EpochPlan {
  readonly epoch: number;
  readonly createdAt: number;
  readonly reason: EpochReason;
  readonly keep: readonly KeyRecord[];
  readonly make: readonly KeyTimes[];
}

/**
 * The next epoch that is due; undefined while there is none. A key that is scheduled keeps its times.
 *
 * `jwksMayBeCached` says whether a verifier may have cached a JWKS of this service, without a key that is made now: the
 * first key of a ring then waits its lead before it signs.
 */
export function planEpoch(
  ring: EpochRecord | undefined,
  now: number,
  policy: KeyPolicy,
  jwksMayBeCached: boolean,
): EpochPlan | undefined {
  if (ring === undefined) return firstEpoch(now, policy, jwksMayBeCached);
  const next = planOverGarbage(ring, now, policy);
  // Unlisting old keys alone is no reason for an epoch.
  return next.reason === "retired" && !holdsSpentPrivateKey(ring, next.createdAt, policy) ? undefined : next;
}

/** The next epoch, even if none is due: the ring as it is then takes the place of what is no epoch. */
export function planOverGarbage(ring: EpochRecord, now: number, policy: KeyPolicy): EpochPlan {
  const time = ringTime(ring, now);
  const keys = prunedKeys(ring, time, policy);
  // An epoch that changes nothing has no reason of its own: versions that do not know it could not read the record.
  const { reason = "retired", ...draft } = fillGaps({ keys, make: [] }, time, policy);
  return epochAfter(ring, time, reason, draft);
}

/** The next epoch with the same keys: all that it changes is the KEK under which they are sealed. */
export function planUnchanged(ring: EpochRecord, now: number): EpochPlan {
  return epochAfter(ring, ringTime(ring, now), "retired", { keys: ring.keys, make: [] });
}

/** The plan that carries out a draft. */
function epochAfter(ring: EpochRecord, time: number, reason: EpochReason, { keys, make }: Draft): EpochPlan {
  return { epoch: ring.epoch + 1, createdAt: time, reason, keep: keys, make };
}

function firstEpoch(now: number, policy: KeyPolicy, jwksMayBeCached: boolean): EpochPlan {
  const first = schedule({ keys: [], make: [] }, undefined, jwksMayBeCached ? now + policy.lead : now, now, policy);
  const { keys, make } = withSuccessorAndStandby(first, now, policy);
  return { epoch: 1, createdAt: now, reason: "first", keep: keys, make };
}

/**
 * How many keys may verify at once before an operator has to wait with a rotation. An epoch with this many RSA keys,
 * and all past keys that it may list, still fits one entry of the store.
 */
const MAX_VERIFYING_KEYS = 40;

/** The key that takes over next, and the earliest time at which that is safe. Unix milliseconds. */
export interface NextKey {
  readonly key: KeyRecord;
  readonly earliest: number;
}

/** Undefined when no key waits. */
export function nextKey(ring: EpochRecord, now: number, policy: KeyPolicy): NextKey | undefined {
  const time = freeMoment(ring, now);
  const key = nextToSign(ring, time);
  if (key === undefined) return undefined;
  const safe = Math.max(readyAt(key, time, policy), roomAt(ring, time));
  return { key, earliest: Math.min(safe, key.signFrom) };
}

/**
 * The epoch in which a waiting key signs from `at` on, a time from its earliest safe one to its scheduled one. The key
 * before it keeps its times: it may sign for the activation delay after that, as it could after the scheduled
 * take-over. Undefined when nothing changes.
 */
export function planManual(
  ring: EpochRecord,
  now: number,
  policy: KeyPolicy,
  { key, at }: { readonly key: KeyRecord; readonly at: number },
): EpochPlan | undefined {
  if (at === key.signFrom) return undefined;
  const time = freeMoment(ring, now);
  const draft = schedule({ keys: prunedKeys(ring, time, policy), make: [] }, key, at, time, policy);
  return epochAfter(ring, time, "manual", fillGaps(draft, time, policy));
}

/** The first time, from `time` on, at which one more key may verify. */
function roomAt({ keys }: EpochRecord, time: number): number {
  const ends = keys
    .filter(({ revoked, verifyUntil }) => revoked === undefined && verifyUntil > time && verifyUntil !== NEVER)
    .map(({ verifyUntil }) => verifyUntil)
    .toSorted((left, right) => right - left);
  return ends[MAX_VERIFYING_KEYS - 1] ?? time;
}

/**
 * The epoch in which a key is revoked. If it signs, its successor signs at once; if it waits, another key waits
 * instead. Undefined when it is revoked already. Throws the Problem KEY_NOT_FOUND.
 */
export function planEmergency(
  ring: EpochRecord,
  now: number,
  policy: KeyPolicy,
  kid: string,
  reason: string,
): EpochPlan | undefined {
  const time = freeMoment(ring, now);
  const kept = prunedKeys(ring, time, policy);
  const key = kept.find((one) => one.kid === kid);
  if (key === undefined) throw new Problem("KEY_NOT_FOUND", "the keyset has no key with this key_id");
  if (key.revoked !== undefined) return undefined;
  const revokedKey = { ...withoutPrivateKey(key), revoked: { at: time, reason } };
  const keys = kept.map((one) => (one === key ? revokedKey : one));
  const draft = { keys, make: [] };
  const signs = signer(ring, now)?.kid === kid;
  const whole = signs
    ? withSuccessorAndStandby(withImmediateSuccessor(draft, time, policy), time, policy)
    : fillGaps(draft, time, policy);
  return epochAfter(ring, time, "emergency", whole);
}

/**
 * The standby signs at once, even if some verifier does not know it yet: otherwise no token could be issued. After two
 * emergencies in a row the waiting key may have been published for long enough, and the standby not.
 */
function withImmediateSuccessor(draft: Draft, time: number, policy: KeyPolicy): LedDraft {
  const candidates = [standbyOf(draft), nextToSign(draft, time)].flatMap((key) => (key === undefined ? [] : [key]));
  const successor = candidates.find((key) => readyAt(key, time, policy) === time) ?? candidates[0];
  return schedule(draft, successor, time, time, policy);
}
