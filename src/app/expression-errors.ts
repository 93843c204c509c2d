import type { Metrics } from "../http/metrics.ts";
import type { OnProfileExpressionError } from "../profile/model/rules.ts";
import type { Log } from "./log.ts";

const SILENCE_MS = 10_000;

/**
 * Counts the profile expressions that fail. Logs those of claims and warnings, each at most once in 10 seconds, because
 * a caller can cause them without limit. A rule that fails is only counted: it denies, and it fails for any client that
 * leaves out a value which it names. `now` in Unix milliseconds.
 */
export function createExpressionErrorReporter(
  { expressionFailed }: Pick<Metrics, "expressionFailed">,
  log: Log,
  now: () => number,
): OnProfileExpressionError {
  // Bounded: it has at most one entry for each expression of the profiles.
  const last = new Map<string, number>();
  return (profile, kind, name) => {
    expressionFailed(profile, kind, name);
    if (kind === "rule") return;
    const key = JSON.stringify([profile, kind, name]);
    if (now() - (last.get(key) ?? Number.NEGATIVE_INFINITY) < SILENCE_MS) return;
    last.set(key, now());
    if (kind === "claim") log("warn", { type: "claim.failed", profile, claim: name });
    else log("warn", { type: "warning.failed", profile, code: name });
  };
}
