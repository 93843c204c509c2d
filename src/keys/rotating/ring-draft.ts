import { nextToSign, signerAt, standbyOf } from "./key-states.ts";
import type { KeyPolicy } from "./policy.ts";
import { type EpochReason, type KeyRecord, type KeyTimes, NEVER } from "./record.ts";

/** An epoch that is being planned: the keys that it keeps, and the times of the keys to make. */
export interface Draft {
  readonly keys: readonly KeyRecord[];
  readonly make: readonly KeyTimes[];
}

/** A draft, and the key that signs in it or will be the first to sign. */
export interface LedDraft extends Draft {
  readonly leading: KeyTimes;
}

/**
 * The draft with all that a ring needs: a key that signs, its successor and a standby. `reason` names the first of them
 * that was missing.
 */
export function fillGaps(draft: Draft, time: number, policy: KeyPolicy): Draft & { readonly reason?: EpochReason } {
  const led = withLeading(draft, time, policy);
  const followed = withSuccessor(led, time, policy);
  const whole = withStandby(followed, time);
  if (differ(led, draft)) return { ...whole, reason: "lapsed" };
  if (differ(followed, led)) return { ...whole, reason: "scheduled" };
  return differ(whole, followed) ? { ...whole, reason: "standby" } : whole;
}

/** The draft with a successor of its leading key, and a standby. */
export function withSuccessorAndStandby(draft: LedDraft, time: number, policy: KeyPolicy): Draft {
  return withStandby(withSuccessor(draft, time, policy), time);
}

/** The draft in which `key`, or a new key, signs from `signFrom` on. */
export function schedule(
  { keys, make }: Draft,
  key: KeyRecord | undefined,
  signFrom: number,
  time: number,
  policy: KeyPolicy,
): LedDraft {
  if (key === undefined) {
    const leading = timesOf(time, signFrom, policy);
    return { keys, make: [...make, leading], leading };
  }
  const leading = { ...key, ...timesOf(publishedSince(key, time), signFrom, policy) };
  return { keys: keys.map((one) => (one === key ? leading : one)), make, leading };
}

function withLeading(draft: Draft, time: number, policy: KeyPolicy): LedDraft {
  const leading = signerAt(draft, time);
  if (leading !== undefined) return { ...draft, leading };
  const standby = standbyOf(draft);
  const soonest = standby === undefined ? time + policy.lead : readyAt(standby, time, policy);
  const next = nextToSign(draft, time);
  if (next !== undefined && next.signFrom <= soonest) return { ...draft, leading: next };
  return schedule(draft, standby, soonest, time, policy);
}

/**
 * Schedules a new key if every verifier can know it by the time it is due. Otherwise, as after downtime or when the
 * waiting key was revoked, it schedules the standby, which has been published for longer.
 */
function withSuccessor(draft: LedDraft, time: number, policy: KeyPolicy): Draft {
  const { leading } = draft;
  const due = dueAfter(leading, policy);
  const fresh = Math.max(due, time + policy.lead);
  const standby = fresh > due ? standbyOf(draft) : undefined;
  const soonest = standby === undefined ? fresh : Math.max(due, readyAt(standby, time, policy));
  const next = nextToSign(draft, leading.signFrom);
  if (next !== undefined && next.signFrom <= Math.max(leading.signUntil, soonest)) return draft;
  const followed = schedule(draft, standby, soonest, time, policy);
  // It is so late that it signs at once, and needs a successor itself.
  return soonest <= time ? withSuccessor(followed, time, policy) : followed;
}

/** A period after the leading key began, with as much overlap as its times allow: another policy may have set them. */
function dueAfter({ signFrom, signUntil }: KeyTimes, { period, activationDelay }: KeyPolicy): number {
  const overlap = Math.min(activationDelay, Math.floor((signUntil - signFrom) / 2));
  return Math.min(signFrom + period, signUntil - overlap);
}

function withStandby(draft: Draft, time: number): Draft {
  if (standbyOf(draft) !== undefined) return draft;
  return { keys: draft.keys, make: [...draft.make, standbyTimes(time)] };
}

function differ(left: Draft, right: Draft): boolean {
  return left.keys !== right.keys || left.make !== right.make;
}

/** The times of a key that takes over at `signFrom`. All in Unix milliseconds. */
function timesOf(publishAt: number, signFrom: number, policy: KeyPolicy): KeyTimes {
  const signUntil = signFrom + policy.period + policy.activationDelay;
  return { publishAt, signFrom, signUntil, verifyUntil: signUntil + policy.maxTtl + policy.skew + policy.stopUsing };
}

/** The times of a standby. */
function standbyTimes(publishAt: number): KeyTimes {
  return { publishAt, signFrom: NEVER, signUntil: NEVER, verifyUntil: NEVER };
}

/** The first time, from `time` on, at which every verifier knows a key of the ring. */
export function readyAt(key: KeyRecord, time: number, policy: KeyPolicy): number {
  return Math.max(time, publishedSince(key, time) + policy.lead);
}

/** A key in the ring is published already: a `publishAt` in the future was written by a wrong clock. */
function publishedSince({ publishAt }: KeyTimes, time: number): number {
  return Math.min(publishAt, time);
}
