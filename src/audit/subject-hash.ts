import type { KeyObject } from "node:crypto";
import { createHmacSha256 } from "./hmac.ts";

/** Characters of base64url that are kept: 132 bits. */
const HASH_LENGTH = 22;

/** The keyed hash that names subjects in events: HMAC-SHA-256 (RFC 2104), base64url, its first 22 characters. */
export function createSubjectHasher(key: KeyObject): (subject: string) => string {
  const hmac = createHmacSha256(key);
  return (subject) => hmac(subject).slice(0, HASH_LENGTH);
}
