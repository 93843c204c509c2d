import type { Metrics } from "../http/metrics.ts";
import type { OnProfileExpressionError } from "../profile/model/rules.ts";
import type { Log } from "./log.ts";

const SILENCE_MS = 10_000;

/**
 * Counts the profile expressions that fail. Logs them, each at most once in 10 seconds, because a caller can cause them
 * without limit. A rule that fails is only counted: it denies, and it fails for any client that leaves out a value
 * which it names. One that costs too much is logged. `now` in Unix milliseconds.
 */
export function createExpressionErrorReporter(
  { expressionFailed }: Pick<Metrics, "expressionFailed">,
  log: Log,
  now: () => number,
): OnProfileExpressionError {
  // Bounded: it has at most one entry for each expression of the profiles.
  const last = new Map<string, number>();
  return (profile, kind, name, failure) => {
    expressionFailed(profile, kind, name, failure);
    if (kind === "rule" && failure === "failed") return;
    const key = JSON.stringify([profile, kind, name, failure]);
    if (Math.abs(now() - (last.get(key) ?? Number.NEGATIVE_INFINITY)) < SILENCE_MS) return;
    last.set(key, now());
    if (failure === "too_costly") log("warn", { type: "expression.too_costly", profile, kind, name });
    else if (kind === "claim") log("warn", { type: "claim.failed", profile, claim: name });
    else log("warn", { type: "warning.failed", profile, code: name });
  };
}
