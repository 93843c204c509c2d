import { createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { CodedError } from "../coded-error.ts";

/** A key-encryption key: everything secret at rest is under it, through keys that are derived from it. */
export interface Kek {
  /** Names it in what was sealed under it. A truncated HMAC under itself: a plain hash of a secret is guessable. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** The one to seal under, then those that still open what was sealed before: so that it can be exchanged. */
export type Keks = readonly [Kek, ...Kek[]];

export const KEK_BYTES = 32;

/** From exactly 32 bytes, which the caller may overwrite afterwards. */
export function kekOf(bytes: Buffer): Kek {
  if (bytes.length !== KEK_BYTES) throw new RangeError(`a KEK has ${bytes.length} bytes: it must have ${KEK_BYTES}`);
  const secret = createSecretKey(bytes);
  return { id: createHmac("sha256", secret).update("signet kek id").digest("base64url").slice(0, 12), secret };
}

/** A key of 32 bytes for one purpose (HKDF-SHA-256, RFC 5869): who learns it learns no other and not the KEK. */
export function deriveKey(kek: Kek, label: string): KeyObject {
  const derived = Buffer.from(hkdfSync("sha256", kek.secret, Buffer.alloc(0), `signet ${label}`, 32));
  const key = createSecretKey(derived);
  derived.fill(0);
  return key;
}

/**
 * KEK_MISSING: there is no file. KEK_EXPOSED: group or others may read or write it. KEK_LENGTH: not 32 bytes.
 * KEK_ENCODING: not base64url. KEK_EXISTS: a file is there already, which is never overwritten. KEK_UNREADABLE: the file
 * system refuses.
 */
export type KekErrorCode =
  | "KEK_MISSING"
  | "KEK_EXPOSED"
  | "KEK_LENGTH"
  | "KEK_ENCODING"
  | "KEK_EXISTS"
  | "KEK_UNREADABLE";

export class KekError extends CodedError<KekErrorCode> {}
