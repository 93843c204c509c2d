import { invalidRequest, Problem } from "../../problem/problem.ts";
import { type Postponed, ringTime, signer, standbyOf } from "./key-states.ts";
import { nextKey } from "./plan.ts";
import { type KeyPolicy, type RotationBound, rotationBounds } from "./policy.ts";
import type { EpochRecord, KeyRecord } from "./record.ts";
import { readyAt } from "./ring-draft.ts";

/** The next rotation of a keyset. Times in Unix milliseconds. */
export interface RotationPlan {
  /** Undefined: no key signs. */
  readonly activeKid: string | undefined;
  /** Undefined: no key waits. `earliest`: the first time at which an operator may let it take over. */
  readonly next: { readonly kid: string; readonly at: number; readonly earliest: number } | undefined;
  /** `readyAt`: the time from which every verifier knows it. */
  readonly standby: { readonly kid: string; readonly readyAt: number } | undefined;
  readonly bounds: readonly RotationBound[];
}

export function rotationPlan(ring: EpochRecord, now: number, policy: KeyPolicy, postponed: Postponed): RotationPlan {
  const next = nextKey(ring, now, policy);
  const standby = standbyOf(ring);
  const time = ringTime(ring, now);
  return {
    activeKid: signer(ring, now, postponed)?.kid,
    next: next && { kid: next.key.kid, at: next.key.signFrom, earliest: next.earliest },
    standby: standby && { kid: standby.kid, readyAt: readyAt(standby, time, policy) },
    bounds: rotationBounds(policy),
  };
}

/**
 * The key that an operator's rotation lets take over, and when: at `at`, or as early as is safe. Without `at`, a key
 * that took over with the ring's own epoch is the answer. Throws the Problem TOO_EARLY with the earliest safe time when
 * some verifier may not know the key at `at`, and INVALID_REQUEST when the key takes over before `at` anyway.
 */
export function timeToRotate(
  ring: EpochRecord,
  now: number,
  policy: KeyPolicy,
  at: number | undefined,
): { readonly key: KeyRecord; readonly at: number } {
  const next = nextKey(ring, now, policy);
  if (next === undefined) throw new Problem("NO_SIGNING_KEY", "no key waits to take over", { retryAfterMs: 1_000 });
  const { key, earliest } = next;
  if (at === undefined) return justTakenOver(ring) ?? { key, at: earliest };
  if (at < earliest) throw tooEarly(earliest);
  if (at <= key.signFrom) return { key, at };
  const description = `must not be after ${isoTime(key.signFrom)}: the next key takes over then anyway`;
  throw invalidRequest([{ field: "at", description }]);
}

/**
 * The key that took over with the ring's own epoch: a caller that retries after a lost answer must not rotate twice.
 */
function justTakenOver({
  reason,
  createdAt,
  keys,
}: EpochRecord): { readonly key: KeyRecord; readonly at: number } | undefined {
  const key = reason === "manual" ? keys.find(({ signFrom }) => signFrom === createdAt) : undefined;
  return key && { key, at: key.signFrom };
}

function tooEarly(earliest: number): Problem {
  const message = `some verifier may not know the next key yet: the earliest safe time is ${isoTime(earliest)}`;
  return new Problem("TOO_EARLY", message, { metadata: { earliest_at: isoTime(earliest) } });
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}
