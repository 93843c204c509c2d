import { AuditError } from "../audit/event.ts";
import { Problem } from "./problem.ts";

/** What a call gets that revoked something while no event tells of it. Throws what is no {@link AuditError}. */
export function untold(cause: unknown, revoked: "the tokens are revoked" | "the key is revoked"): Problem {
  if (!(cause instanceof AuditError)) throw cause;
  const [code, retryAfterMs] =
    cause.code === "FULL" ? (["AUDIT_FULL", 10_000] as const) : (["AUDIT_UNAVAILABLE", 1_000] as const);
  const message = `${revoked}, but the audit event could not be stored: revoke again`;
  return new Problem(code, message, { cause, retryAfterMs });
}
