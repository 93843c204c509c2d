import { Problem } from "../../problem/problem.ts";
import type { KeyPolicy } from "./policy.ts";
import { holdsSpentPrivateKey, prunedKeys, withoutPrivateKey } from "./pruning.ts";
import { type EpochReason, type EpochRecord, type KeyRecord, type KeyTimes, NEVER } from "./record.ts";
import { freeMoment, nextToSign, ringTime, signer, standbyOf } from "./ring.ts";
import { type Draft, fillGaps, type LedDraft, readyAt, schedule, withSuccessorAndStandby } from "./ring-draft.ts";

/** The next epoch, but for the keys that are to be made: one for each of `make`. */
export interface EpochPlan {
  readonly epoch: number;
  readonly createdAt: number;
  readonly reason: EpochReason;
  readonly keep: readonly KeyRecord[];
  readonly make: readonly KeyTimes[];
}

/**
 * What the next epoch is, or undefined while the ring is right as it is. A key that was given its times keeps them.
 *
 * `shown` says whether a verifier may hold a JWKS of this service that lacks a key made now: the first key of a ring then
 * waits its lead before it signs.
 */
export function planEpoch(
  ring: EpochRecord | undefined,
  now: number,
  policy: KeyPolicy,
  shown: boolean,
): EpochPlan | undefined {
  if (ring === undefined) return firstEpoch(now, policy, shown);
  const time = ringTime(ring, now);
  const keys = prunedKeys(ring, time, policy);
  const { reason, ...draft } = fillGaps({ keys, make: [] }, time, policy);
  if (reason !== undefined) return epochAfter(ring, time, reason, draft);
  // Keys that are only to be unlisted wait for the next epoch that something else asks for.
  return holdsSpentPrivateKey(ring, time, policy) ? epochAfter(ring, time, "retired", draft) : undefined;
}

/** The plan that carries out a draft. */
function epochAfter(ring: EpochRecord, time: number, reason: EpochReason, { keys, make }: Draft): EpochPlan {
  return { epoch: ring.epoch + 1, createdAt: time, reason, keep: keys, make };
}

function firstEpoch(now: number, policy: KeyPolicy, shown: boolean): EpochPlan {
  const first = schedule({ keys: [], make: [] }, undefined, shown ? now + policy.lead : now, now, policy);
  const { keys, make } = withSuccessorAndStandby(first, now, policy);
  return { epoch: 1, createdAt: now, reason: "first", keep: keys, make };
}

/**
 * How many keys may verify at once before an operator has to wait. With so many of RSA, and all that are past, an epoch
 * still fits an entry of the store.
 */
const MAX_VERIFYING_KEYS = 40;

/** The key that takes over next, and the earliest safe time at which it could. Unix milliseconds. */
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
 * The epoch in which a waiting key signs from `at` on: not before its earliest time, nor after its own. The key before it
 * keeps its times, and may go on for the delay as it would have later. Undefined when nothing changes.
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

/** When fewer than the most keys verify. */
function roomAt({ keys }: EpochRecord, time: number): number {
  const ends = keys
    .filter(({ revoked, verifyUntil }) => revoked === undefined && verifyUntil > time && verifyUntil !== NEVER)
    .map(({ verifyUntil }) => verifyUntil)
    .toSorted((left, right) => right - left);
  return ends[MAX_VERIFYING_KEYS - 1] ?? time;
}

/**
 * The epoch in which a key is taken back: if it signs, another one does at once; if it waits, another one waits in its
 * place. Undefined when it was taken back before. Throws the Problem KEY_NOT_FOUND.
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
  if (key === undefined) throw new Problem("KEY_NOT_FOUND", "the keyset has no key of this key_id");
  if (key.revoked !== undefined) return undefined;
  const taken = { ...withoutPrivateKey(key), revoked: { at: time, reason } };
  const keys = kept.map((one) => (one === key ? taken : one));
  const draft = { keys, make: [] };
  const signs = signer(ring, now)?.kid === kid;
  const whole = signs
    ? withSuccessorAndStandby(withImmediateSuccessor(draft, time, policy), time, policy)
    : fillGaps(draft, time, policy);
  return epochAfter(ring, time, "emergency", whole);
}

/**
 * The standby signs at once, even if some verifier does not know it yet: every token would be refused otherwise. After
 * two emergencies in a row the next key may have been shown for long enough when the standby was not.
 */
function withImmediateSuccessor(draft: Draft, time: number, policy: KeyPolicy): LedDraft {
  const heirs = [standbyOf(draft), nextToSign(draft, time)].flatMap((key) => (key === undefined ? [] : [key]));
  const heir = heirs.find((key) => readyAt(key, time, policy) === time) ?? heirs[0];
  return schedule(draft, heir, time, time, policy);
}
