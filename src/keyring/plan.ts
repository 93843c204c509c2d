import type { KeyPolicy } from "./bounds.ts";
import type { Draft } from "./draft.ts";
import { appoint, complete, settle } from "./draft.ts";
import { holdsSpentHalf, keptKeys } from "./kept-keys.ts";
import type { EpochReason, EpochRecord, KeyRecord, KeyTimes } from "./record.ts";
import { ringTime } from "./state.ts";

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
  const keys = keptKeys(ring, time, policy);
  const { reason, ...draft } = settle({ keys, make: [] }, time, policy);
  if (reason !== undefined) return epochAfter(ring, time, reason, draft);
  // Keys that are only to be unlisted wait for the next epoch that something else asks for.
  return holdsSpentHalf(ring, time, policy) ? epochAfter(ring, time, "retired", draft) : undefined;
}

/** The plan that carries out a draft. */
export function epochAfter(ring: EpochRecord, time: number, reason: EpochReason, { keys, make }: Draft): EpochPlan {
  return { epoch: ring.epoch + 1, createdAt: time, reason, keep: keys, make };
}

function firstEpoch(now: number, policy: KeyPolicy, shown: boolean): EpochPlan {
  const first = appoint({ keys: [], make: [] }, undefined, shown ? now + policy.lead : now, now, policy);
  const { keys, make } = complete(first, now, policy);
  return { epoch: 1, createdAt: now, reason: "first", keep: keys, make };
}
