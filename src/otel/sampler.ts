import type { SpanContext } from "@opentelemetry/api";

export interface Sampling {
  /** The share of calls that are recorded among those whose callers send no trace, 0 to 1. */
  readonly ratio: number;
  /** How many calls a second are recorded because their callers record them; 0: what callers send decides nothing. */
  readonly callerSampledPerSecond: number;
}

const SAMPLED = 1;

/**
 * Decides which calls are recorded, by the span of the caller, if it has sent one: no more of these than the limit, and
 * beyond it the ratio does not apply. Chance decides, and never the trace id, which callers choose. `random` in [0, 1);
 * `monotonic` in milliseconds.
 */
export function createSampler(
  { ratio, callerSampledPerSecond: limit }: Sampling,
  random: () => number,
  monotonic: () => number,
): (parent: SpanContext | undefined) => boolean {
  let left = limit;
  let filledAt = monotonic();

  function take(): boolean {
    const now = monotonic();
    left = Math.min(limit, left + ((now - filledAt) / 1000) * limit);
    filledAt = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  }

  return (parent) => {
    if (parent === undefined || limit === 0) return random() < ratio;
    return (parent.traceFlags & SAMPLED) !== 0 && take();
  };
}
