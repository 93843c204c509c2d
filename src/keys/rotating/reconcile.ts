import type { EpochRecord } from "./record.ts";
import { isVerifiable } from "./ring.ts";

/** A key that was taken back, and why. */
export interface TakenBack {
  readonly kid: string;
  readonly reason: string;
}

/**
 * Kids that have signed and still verify in the ring in use, and are not in the next one. No ring does that to its own keys, so
 * the next one comes from elsewhere: their tokens are lost. Of a key that had yet to sign when the ring in use was made this
 * can't be told: it may have been brought forward, revoked and unlisted since.
 */
export function droppedKeys(before: EpochRecord | undefined, next: EpochRecord, now: number): readonly string[] {
  if (before === undefined) return [];
  const listed = new Set(next.keys.map(({ kid }) => kid));
  return before.keys
    .filter((key) => key.signFrom <= before.createdAt && isVerifiable(before, key, now) && !listed.has(key.kid))
    .map(({ kid }) => kid);
}

/** A key that was taken back in the ring in use, and would be in use again in the next one. */
export function lostRevocation(before: EpochRecord | undefined, next: EpochRecord, now: number): TakenBack | undefined {
  const usable = new Set(next.keys.filter((key) => isUsable(key, now)).map(({ kid }) => kid));
  const lost = before?.keys.find(({ kid, revoked }) => revoked !== undefined && usable.has(kid));
  return lost?.revoked && { kid: lost.kid, reason: lost.revoked.reason };
}

function isUsable({ revoked, verifyUntil }: EpochRecord["keys"][number], now: number): boolean {
  return revoked === undefined && now < verifyUntil;
}
