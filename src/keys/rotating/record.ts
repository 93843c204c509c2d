import type { KeysetAlgorithm, PublicJwk, Revoked } from "../model.ts";

/** Stands for "no such time yet" and sorts after every time: the largest one that a Date can hold. */
export const NEVER = 8_640_000_000_000_000;

/**
 * Absolute times in Unix milliseconds, each the first moment of what it names. They are fixed when the key is given a time
 * to sign; until then, as the standby, all but `publishAt` are {@link NEVER}.
 */
export interface KeyTimes {
  readonly publishAt: number;
  readonly signFrom: number;
  readonly signUntil: number;
  readonly verifyUntil: number;
}

export interface KeyRecord extends KeyTimes {
  /** First 16 characters of the RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: KeysetAlgorithm;
  readonly publicJwk: PublicJwk;
  /** The epoch that listed it first: whoever holds that one, or a later one, verifies with the key. */
  readonly since: number;
  /** The sealed private half. Gone once the key has signed for the last time. */
  readonly sealed?: string;
  /** Absent: it was not taken back. */
  readonly revoked?: Revoked;
}

/**
 * Why an epoch was made. first: the keyset is new. scheduled: the next key was due. lapsed: no key could sign any more.
 * retired: a private half had signed for the last time and was dropped. standby: there was none. manual: an operator
 * brought the next key forward. emergency: a key was revoked.
 */
export const EPOCH_REASONS = ["first", "scheduled", "lapsed", "retired", "standby", "manual", "emergency"] as const;
export type EpochReason = (typeof EPOCH_REASONS)[number];

/** One version of a keyset's ring. Immutable: every change is the record of the next epoch. It has at least one key. */
export interface EpochRecord {
  readonly version: 1;
  readonly keyset: string;
  /** 1, 2, 3 ...: the highest wins. */
  readonly epoch: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly reason: EpochReason;
  readonly keys: readonly KeyRecord[];
}
