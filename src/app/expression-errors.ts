import type { Metrics } from "../http/metrics.ts";
import type { OnProfileExpressionError } from "../profile/model/rules.ts";
import type { Log } from "./log.ts";

const SILENCE_MS = 10_000;

/**
 * Counts the expressions of profiles that fail, and logs those of claims and warnings, each once in 10 seconds: a caller may
 * cause it as often as it likes. A rule that fails denies, which is no news where it names what a client may leave out.
 * `now` in Unix milliseconds.
 */
export function createExpressionErrorReporter(
  { expressionFailed }: Pick<Metrics, "expressionFailed">,
  log: Log,
  now: () => number,
): OnProfileExpressionError {
  // As many entries as the profiles have expressions.
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
