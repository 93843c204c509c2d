import type { KeysetAlgorithm, PublicJwk, Revoked } from "../model.ts";

/** Stands for "no such time yet" and sorts after every time: the largest time that a Date can hold. */
export const NEVER = 8_640_000_000_000_000;

/**
 * Absolute times in Unix milliseconds, each the first moment of the state it names. They are fixed when the key is
 * scheduled to sign; a standby has no such time yet, so all but `publishAt` are {@link NEVER}.
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
  /** The first epoch that lists the key: a replica at this epoch, or a later one, verifies with it. */
  readonly since: number;
  /** The sealed private key. Absent once the key has signed for the last time. */
  readonly sealed?: string;
  /** Absent: not revoked. */
  readonly revoked?: Revoked;
}

/**
 * Why an epoch was created. first: the keyset is new. scheduled: the next key was due. lapsed: no key could sign.
 * retired: a private key had signed for the last time and was dropped, or the keys of a keyset without a profile were
 * sealed under a new KEK. standby: the standby was missing. manual: an operator brought the next key forward.
 * emergency: a key was revoked.
 */
export const EPOCH_REASONS = ["first", "scheduled", "lapsed", "retired", "standby", "manual", "emergency"] as const;
export type EpochReason = (typeof EPOCH_REASONS)[number];

/** One version of a keyset's ring, with at least one key. Immutable: every change creates the next epoch. */
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
