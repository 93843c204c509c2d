import { AuditError } from "../audit/event.ts";
import { Problem } from "./problem.ts";

/** The problem of a call that did nothing because its audit event could not be stored. Rethrows any other error. */
export function auditProblem(cause: unknown, done: "issued" | "imported" | "opened"): Problem {
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

/** The problem of a call under a strict profile while NATS does not acknowledge events. */
export function notForwarded(message: string, cause?: unknown): Problem {
  return new Problem("AUDIT_NOT_FORWARDED", message, { cause, retryAfterMs: 1_000 });
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

/** The problem of a call about the keys of audit logs. Rethrows an error of neither the audit log nor the state. */
export function auditKeysUnavailable(cause: unknown, isState: boolean): Problem {
  if (isState)
    return new Problem("AUDIT_KEYS_UNAVAILABLE", "the state in which audit keys are registered is unreachable", {
      cause,
      retryAfterMs: 1_000,
    });
  if (!(cause instanceof AuditError)) throw cause;
  return cause.code === "FULL"
    ? new Problem("AUDIT_FULL", "the audit log is full", { cause, retryAfterMs: 10_000 })
    : new Problem("AUDIT_UNAVAILABLE", "the audit log takes no event now", { cause, retryAfterMs: 1_000 });
}
