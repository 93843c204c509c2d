import type { Algorithm, Revoked, SecretEncoding } from "../model.ts";

/** The owner of a ring of secrets. The tenant is empty where the profile has none. */
export interface SecretOwner {
  readonly profile: string;
  readonly tenant: string;
}

/** An imported symmetric key, or a vendor's private key. Times in Unix milliseconds. */
export interface SecretRecord {
  /** Random, or the vendor's own; never derived from the secret. */
  readonly kid: string;
  /** The only algorithm that the secret is used with (RFC 8725, 3.1). */
  readonly alg: Algorithm;
  /** How the sealed text becomes bytes. */
  readonly encoding: SecretEncoding;
  /** Of a private key: the length of its modulus, or of the order of its curve. */
  readonly byteLength: number;
  /** As {@link SecretVault.fingerprint} makes it, under the KEK of the record. */
  readonly fingerprint: string;
  readonly signFrom: number;
  /** Absent for the secret that signs: only the next import, or its revocation, ends it. */
  readonly verifyUntil?: number;
  /**
   * The sealed text; PKCS#8 in base64 for a private key. Text, not bytes, so that another encoding that fits can be
   * reported. Absent once it no longer verifies.
   */
  readonly sealed?: string;
  /** Absent: not revoked. */
  readonly revoked?: Revoked;
}

/** One version of the secrets of a profile and tenant. Immutable: every change is the record of the next epoch. */
export interface SecretEpoch extends SecretOwner {
  readonly version: 1;
  /** 1, 2, 3 ...: the highest wins. */
  readonly epoch: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** At least one, the oldest first. The one without `verifyUntil` signs; when all are revoked there is none. */
  readonly secrets: readonly SecretRecord[];
}

/** Every encoding of a secret's text, and the form that it requires. */
export const SECRET_FORMS: Readonly<Record<SecretEncoding, string>> = {
  utf8: "well-formed UTF-8 (and not contain U+FFFD)",
  base64: "base64 with its padding (RFC 4648, 4)",
  base64url: "base64url without padding (RFC 4648, 5)",
  hex: "hex (RFC 4648, 8): pairs of digits, all in upper or all in lower case",
};

export const SECRET_ENCODINGS = Object.keys(SECRET_FORMS) as readonly SecretEncoding[];

/**
 * Decodes the text of a secret; undefined when encoding the bytes does not give the same text again. Decoders differ in
 * what they skip: a text that does not round-trip would be one key here and another one elsewhere.
 */
export function secretBytes(text: string, encoding: SecretEncoding): Buffer | undefined {
  // The protobuf decoder replaces invalid UTF-8 by U+FFFD.
  if (!text.isWellFormed() || text.includes("\uFFFD")) return undefined;
  const bytes = Buffer.from(text, encoding);
  const again = bytes.toString(encoding);
  const same = again === text || (encoding === "hex" && again.toUpperCase() === text);
  return same ? bytes : undefined;
}
