import type { KeyObject } from "node:crypto";
import { createHmacSha256 } from "./hmac.ts";

/**
 * The keyed digest of all claims of a token: HMAC-SHA-256 (RFC 2104) of the payload that is signed, base64url. Whole,
 * unlike the hash of a subject: two payloads with one digest must not be found by anybody who has the key either.
 */
export function createClaimsDigester(key: KeyObject): (payload: string) => string {
  return createHmacSha256(key);
}
