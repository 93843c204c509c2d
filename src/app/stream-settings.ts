import type { Findings } from "../audit/forward/sink.ts";

/** What is known of the settings of one stream: the bucket, or the audit stream. */
export interface StreamSettings {
  readonly current: Findings;
  take(found: Findings): void;
}

/** `onChange` gets what was found whenever it is not what was found before. At the beginning all is well. */
export function createStreamSettings(onChange: (now: Findings, before: Findings) => void): StreamSettings {
  let current: Findings = { refused: [], alarms: [] };
  return {
    get current() {
      return current;
    },
    take({ refused, alarms }) {
      const before = current;
      current = { refused, alarms };
      if (JSON.stringify(current) !== JSON.stringify(before)) onChange(current, before);
    },
  };
}

/** The level of the log line that reports them. */
export function levelOf({ refused, alarms }: Findings): "error" | "warn" | "info" {
  if (refused.length > 0) return "error";
  return alarms.length > 0 ? "warn" : "info";
}
