import type { SecretEncoding } from "../profile/profile.ts";
import type { Revoked } from "./record.ts";

/** Whose secrets a ring holds. The tenant is empty where the profile has none. */
export interface SecretOwner {
  readonly profile: string;
  readonly tenant: string;
}

/** A secret that was imported. Times in Unix milliseconds. */
export interface SecretRecord {
  /** Random or the vendor's own, never derived from the secret. */
  readonly kid: string;
  readonly alg: "HS256";
  readonly encoding: SecretEncoding;
  readonly byteLength: number;
  /** Truncated HMAC of the bytes under the KEK that the record is under. */
  readonly fingerprint: string;
  readonly signFrom: number;
  /** Absent for the one that signs: nobody but the next import, or its revocation, ends it. */
  readonly verifyUntil?: number;
  /** Its text, sealed: as text, so that an operator can be told which other reading of it fits. Gone once it verifies no more. */
  readonly sealed?: string;
  /** Absent: it was not taken back. */
  readonly revoked?: Revoked;
}

/** One version of the secrets of a profile and tenant. Immutable: every change is the record of the next epoch. */
export interface SecretEpoch extends SecretOwner {
  readonly version: 1;
  /** 1, 2, 3 ...: the highest wins. */
  readonly epoch: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** At least one, the oldest first. The one without an end signs; after the revocation of all, there is none. */
  readonly secrets: readonly SecretRecord[];
}
