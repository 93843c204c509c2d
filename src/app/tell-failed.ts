import type { Log } from "../log.ts";
import type { IssuingParts } from "../token/issuing.ts";

const SILENCE_MS = 10_000;

/**
 * Logs the expressions of profiles that fail for a request, each once in 10 seconds: a caller may cause it as often as it
 * likes. `now` in Unix milliseconds.
 */
export function tellFailed(log: Log, now: () => number): IssuingParts["observer"]["failed"] {
  // As many entries as the profiles have expressions.
  const last = new Map<string, number>();
  return (profile, kind, name) => {
    const key = JSON.stringify([profile, kind, name]);
    if (now() - (last.get(key) ?? Number.NEGATIVE_INFINITY) < SILENCE_MS) return;
    last.set(key, now());
    if (kind === "claim") log("warn", { event: "claim.failed", profile, claim: name });
    else log("warn", { event: "warning.failed", profile, code: name });
  };
}
