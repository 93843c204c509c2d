import { createHash } from "node:crypto";
import { identityFault, tokenFault } from "../problem/field-rules.ts";

/**
 * The id of a token in the audit log and in revocations: its `jti`, or a hash of its signing input (RFC 7515, 5.1)
 * where it has no `jti` that a revocation can name. Not a hash of the signature: one signing input may have many valid
 * signatures.
 */
export function tokenIdOf(jti: unknown, signingInput: Buffer): string {
  if (typeof jti === "string" && (identityFault(jti) ?? tokenFault(jti)) === undefined) return jti;
  return `h.${createHash("sha256").update(signingInput).digest("base64url")}`;
}
