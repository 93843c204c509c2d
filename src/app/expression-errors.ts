import type { Metrics } from "../http/metrics/metrics.ts";
import { MEMBER_ABSENT, type OnProfileExpressionError } from "../profile/model/rules.ts";
import type { Log } from "./log.ts";

const SILENCE_MS = 10_000;

/**
 * Counts the expressions of profiles and policies that fail. Logs them with their cause, each at most once in 10
 * seconds, because a caller can cause them without limit. A rule that names what a client has left out is only counted:
 * it denies, and any client can make it fail. `now` in Unix milliseconds.
 */
export function createExpressionErrorReporter(
  { expressionFailed }: Pick<Metrics, "expressionFailed">,
  log: Log,
  now: () => number,
): OnProfileExpressionError {
  // Bounded: it has at most one entry for each expression of profiles and policies.
  const last = new Map<string, number>();
  return (profile, kind, name, failure) => {
    const { reason, cause } = failure;
    expressionFailed(profile, kind, name, reason);
    if ((kind === "rule" || kind === "condition") && cause === MEMBER_ABSENT) return;
    const key = JSON.stringify([profile, kind, name, reason]);
    if (Math.abs(now() - (last.get(key) ?? Number.NEGATIVE_INFINITY)) < SILENCE_MS) return;
    last.set(key, now());
    if (reason === "too_costly") log("warn", { type: "expression.too_costly", profile, kind, name });
    else if (kind === "claim") log("warn", { type: "claim.failed", profile, claim: name, cause });
    else if (kind === "condition") log("warn", { type: "condition.failed", rule: name, cause });
    else if (kind === "warning") log("warn", { type: "warning.failed", profile, code: name, cause });
    else log("warn", { type: "rule.failed", profile, rule: Number(name), cause });
  };
}
