import type { KeyPolicy } from "./bounds.ts";
import { appoint, settle } from "./draft.ts";
import { keptKeys } from "./kept-keys.ts";
import { readyAt } from "./key-times.ts";
import type { EpochPlan } from "./plan.ts";
import { epochAfter } from "./plan.ts";
import type { EpochRecord, KeyRecord } from "./record.ts";
import { NEVER } from "./record.ts";
import { freeMoment, nextToSign } from "./state.ts";

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
  const draft = appoint({ keys: keptKeys(ring, time, policy), make: [] }, key, at, time, policy);
  return epochAfter(ring, time, "manual", settle(draft, time, policy));
}

/** When fewer than the most keys verify. */
function roomAt({ keys }: EpochRecord, time: number): number {
  const ends = keys
    .filter(({ revoked, verifyUntil }) => revoked === undefined && verifyUntil > time && verifyUntil !== NEVER)
    .map(({ verifyUntil }) => verifyUntil)
    .toSorted((left, right) => right - left);
  return ends[MAX_VERIFYING_KEYS - 1] ?? time;
}
