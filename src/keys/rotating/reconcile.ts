import { sameBytes } from "../store/epochs.ts";
import type { StoredEpoch } from "../store/survey.ts";
import { isVerifiable } from "./key-states.ts";
import type { EpochRecord } from "./record.ts";

/** The ring in use: the epoch as it was stored, and its record. */
export interface CurrentEpoch {
  readonly stored: StoredEpoch;
  readonly ring: { readonly record: EpochRecord };
}

/** The highest epoch that the store holds. It is read only if it may replace the ring in use. */
export interface HighestEpoch extends StoredEpoch {
  /** Throws the KeyringError of a record that can't be trusted. */
  read(): EpochRecord;
}

/**
 * What the store's highest epoch means for the ring in use. same: nothing changes. adopt: it replaces the ring in use;
 * `dropped` lists the kids whose tokens are lost by that. restore: the store lost epochs, `found` is the highest that
 * is left (0: none), and the ring in use must be written back. revokeAgain: a key that is revoked in the ring in use
 * would be usable in the store's record.
 */
export type Decision =
  | { readonly type: "same" }
  | { readonly type: "adopt"; readonly record: EpochRecord; readonly dropped: readonly string[] }
  | { readonly type: "restore"; readonly found: number }
  | {
      readonly type: "revokeAgain";
      readonly record: EpochRecord;
      readonly kid: string;
      readonly reason: string;
    };

/**
 * Decides between the ring in use and the store. At the same epoch the store wins: all other replicas use its record.
 * Throws what {@link HighestEpoch.read} throws. `now` in Unix milliseconds.
 */
export function reconcile(current: CurrentEpoch | undefined, highest: HighestEpoch | undefined, now: number): Decision {
  if (current === undefined) return highest === undefined ? { type: "same" } : adopt(undefined, highest.read(), now);
  if (highest === undefined) return { type: "restore", found: 0 };
  if (highest.epoch < current.stored.epoch) return { type: "restore", found: highest.epoch };
  if (sameBytes(highest, current.stored)) return { type: "same" };
  const { record: before } = current.ring;
  const record = highest.read();
  const forgotten = forgottenRevocation(before, record, now);
  return forgotten === undefined ? adopt(before, record, now) : { type: "revokeAgain", record, ...forgotten };
}

function adopt(before: EpochRecord | undefined, record: EpochRecord, now: number): Decision {
  return { type: "adopt", record, dropped: before === undefined ? [] : droppedKids(before, record, now) };
}

/**
 * Kids that have signed and still verify in `before`, and that `next` does not list. No ring drops such a key itself,
 * so `next` has another origin. Keys that had not signed when `before` was made are left out: they may have been
 * brought forward, revoked and unlisted since.
 */
function droppedKids(before: EpochRecord, next: EpochRecord, now: number): readonly string[] {
  const listed = new Set(next.keys.map(({ kid }) => kid));
  return before.keys
    .filter((key) => key.signFrom <= before.createdAt && isVerifiable(before, key, now) && !listed.has(key.kid))
    .map(({ kid }) => kid);
}

function forgottenRevocation(
  before: EpochRecord,
  next: EpochRecord,
  now: number,
): { readonly kid: string; readonly reason: string } | undefined {
  const usable = next.keys.filter(({ revoked, verifyUntil }) => revoked === undefined && now < verifyUntil);
  const usableKids = new Set(usable.map(({ kid }) => kid));
  const forgotten = before.keys.find(({ kid, revoked }) => revoked !== undefined && usableKids.has(kid));
  return forgotten?.revoked && { kid: forgotten.kid, reason: forgotten.revoked.reason };
}
