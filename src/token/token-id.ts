import { createHash } from "node:crypto";
import { identityFault, tokenFault } from "../problem/field-rules.ts";

/**
 * The name under which the audit log knows a token and a revocation names it: its `jti`, or where it has none that a
 * revocation may name a hash of what was signed (RFC 7515, 5.1). Not of the signature: one signed text may have many.
 */
export function tokenIdOf(jti: unknown, signingInput: Buffer): string {
  if (typeof jti === "string" && (identityFault(jti) ?? tokenFault(jti)) === undefined) return jti;
  return `h.${createHash("sha256").update(signingInput).digest("base64url")}`;
}
