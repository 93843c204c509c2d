import { AuditError } from "../audit/event.ts";
import { Problem } from "./problem.ts";

/** The problem of a call that did nothing because its audit event could not be stored. Rethrows any other error. */
export function auditProblem(cause: unknown, done: "issued" | "imported"): Problem {
  if (!(cause instanceof AuditError)) throw cause;
  return cause.code === "FULL"
    ? new Problem("AUDIT_FULL", `the audit log is full: nothing is ${done} until events have been forwarded`, {
        cause,
        retryAfterMs: 10_000,
      })
    : new Problem("AUDIT_UNAVAILABLE", `the audit event could not be stored: nothing was ${done}`, {
        cause,
        retryAfterMs: 1_000,
      });
}

/** The problem of a call that revoked, but whose audit event could not be stored. Rethrows any other error. */
export function revokedButNotAudited(
  cause: unknown,
  revoked: "the tokens are revoked" | "the key is revoked",
): Problem {
  if (!(cause instanceof AuditError)) throw cause;
  const [code, retryAfterMs] =
    cause.code === "FULL" ? (["AUDIT_FULL", 10_000] as const) : (["AUDIT_UNAVAILABLE", 1_000] as const);
  const message = `${revoked}, but the audit event could not be stored: revoke again`;
  return new Problem(code, message, { cause, retryAfterMs });
}
