import { createHmac, type KeyObject } from "node:crypto";

/** Characters of base64url that are kept: 132 bits. */
const HASH_LENGTH = 22;

/** The keyed hash that names subjects in events: HMAC-SHA-256 (RFC 2104), base64url, its first 22 characters. */
export function createSubjectHasher(key: KeyObject): (subject: string) => string {
  // A KeyObject, because every token has a hash: given raw bytes, Node would import the key on each call.
  return (subject) => createHmac("sha256", key).update(subject).digest("base64url").slice(0, HASH_LENGTH);
}
