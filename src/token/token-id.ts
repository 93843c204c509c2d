import { createHash } from "node:crypto";

/**
 * The name under which the audit log knows a token: its `jti`, or where its dialect has none a hash of what was signed
 * (RFC 7515, 5.1). Not of the signature: one signed text may have many.
 */
export function tokenIdOf(jti: unknown, signingInput: Buffer): string {
  if (typeof jti === "string" && jti !== "") return jti;
  return `h.${createHash("sha256").update(signingInput).digest("base64url")}`;
}
