import type { KeyPolicy } from "./bounds.ts";
import type { KeyRecord, KeyTimes } from "./record.ts";
import { NEVER } from "./record.ts";

/** The times of a key that takes over at `signFrom`. Unix milliseconds, as everything here. */
export function timesOf(publishAt: number, signFrom: number, policy: KeyPolicy): KeyTimes {
  const signUntil = signFrom + policy.period + policy.activationDelay;
  return { publishAt, signFrom, signUntil, verifyUntil: signUntil + policy.maxTtl + policy.skew + policy.stopUsing };
}

/** The times of a key that is published and waits for an emergency. */
export function standbyTimes(publishAt: number): KeyTimes {
  return { publishAt, signFrom: NEVER, signUntil: NEVER, verifyUntil: NEVER };
}

/** From when on a key of the ring may sign without meeting a verifier that does not know it: not before `time`. */
export function readyAt(key: KeyRecord, time: number, policy: KeyPolicy): number {
  return Math.max(time, shownSince(key, time) + policy.lead);
}

/** A key in the ring is shown already: a `publishAt` that lies ahead was written by a clock that was wrong. */
export function shownSince({ publishAt }: KeyTimes, time: number): number {
  return Math.min(publishAt, time);
}
