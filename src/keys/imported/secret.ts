import type { Revoked, SecretEncoding } from "../model.ts";

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

/** Every reading of a secret's text, and what it must look like. */
export const SECRET_FORMS: Readonly<Record<SecretEncoding, string>> = {
  utf8: "well-formed UTF-8 (and not contain U+FFFD)",
  base64: "base64 with its padding (RFC 4648, 4)",
  base64url: "base64url without padding (RFC 4648, 5)",
  hex: "hex (RFC 4648, 8): pairs of digits, all in upper or all in lower case",
};

export const SECRET_ENCODINGS = Object.keys(SECRET_FORMS) as readonly SecretEncoding[];

/**
 * The bytes of a key that a vendor shows as text; undefined when they don't give the same text again. Decoders differ in
 * what they skip, so that what does not round-trip would be one key here and another there.
 */
export function secretBytes(text: string, encoding: SecretEncoding): Buffer | undefined {
  // The decoder of the wire puts U+FFFD in the place of what is no UTF-8.
  if (!text.isWellFormed() || text.includes("\uFFFD")) return undefined;
  const bytes = Buffer.from(text, encoding);
  const again = bytes.toString(encoding);
  const same = again === text || (encoding === "hex" && again.toUpperCase() === text);
  return same ? bytes : undefined;
}
