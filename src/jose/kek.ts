import { createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import { CodedError } from "../coded-error.ts";

/** A key-encryption key. Keys derived from it seal every secret at rest and authenticate the records. */
export interface Kek {
  /**
   * Identifies the KEK in what it sealed. A truncated HMAC under the KEK itself: a plain hash would help to guess it.
   */
  readonly id: string;
  readonly secret: KeyObject;
}

/** The KEK that seals, then earlier KEKs, which only open what they sealed, so that a KEK can be replaced. */
export type Keks = readonly [Kek, ...Kek[]];

export const KEK_BYTES = 32;

/** The KEK of exactly 32 bytes, which the caller may overwrite afterwards. */
export function kekOf(bytes: Buffer): Kek {
  if (bytes.length !== KEK_BYTES) throw new RangeError(`a KEK has ${bytes.length} bytes: it must have ${KEK_BYTES}`);
  const secret = createSecretKey(bytes);
  return { id: createHmac("sha256", secret).update("signet kek id").digest("base64url").slice(0, 12), secret };
}

/** A key of 32 bytes for one purpose (HKDF-SHA-256, RFC 5869). It reveals neither other derived keys nor the KEK. */
export function deriveKey(kek: Kek, label: string): KeyObject {
  const derived = Buffer.from(hkdfSync("sha256", kek.secret, Buffer.alloc(0), `signet ${label}`, 32));
  const key = createSecretKey(derived);
  derived.fill(0);
  return key;
}

/**
 * KEK_MISSING: no such file, or the descriptor is not open. KEK_EXPOSED: another user may read or replace it.
 * KEK_LENGTH: not 32 bytes. KEK_ENCODING: not base64url. KEK_EXISTS: the file exists already and is never overwritten.
 * KEK_UNREADABLE: the operating system refuses.
 */
export type KekErrorCode =
  | "KEK_MISSING"
  | "KEK_EXPOSED"
  | "KEK_LENGTH"
  | "KEK_ENCODING"
  | "KEK_EXISTS"
  | "KEK_UNREADABLE";

export class KekError extends CodedError<KekErrorCode> {}
