import type { Rate } from "./rate.ts";

/** How full the spool is. */
export interface SpoolFill {
  readonly events: number;
  readonly bytes: number;
  /** Above this nothing is issued. */
  readonly limitBytes: number;
}

/** From here on the room that is left is shared. */
const NEARLY_FULL = 0.8;
/** The room that is left lasts at least this long: longer than most outages of NATS. */
const LASTS_NS = 600e9;
/** A caller that issued nothing for this long needs no share. */
const ACTIVE_NS = 60e9;
const BURST = 10;
/** Of an event, while the spool holds none. */
const TYPICAL_BYTES = 512;

/** Shares a spool that is nearly full between the callers that issue. */
export interface FairShare {
  /** Notes that a caller issues at `now`, in nanoseconds of a monotonic clock. */
  seen(caller: string, now: number): void;
  /**
   * How fast each caller may issue; undefined: as fast as it likes. What is left, shared equally by the callers of the
   * last minute or two, lasts ten minutes. A caller that is alone has it all: there is nobody to be fair to.
   */
  rate(fill: SpoolFill, now: number): Rate | undefined;
}

export function createFairShare(): FairShare {
  let began = Number.NEGATIVE_INFINITY;
  let current = new Set<string>();
  let previous = new Set<string>();

  /** Two sets forget callers without a timer for each. */
  function turn(now: number): void {
    if (now - began < ACTIVE_NS) return;
    previous = now - began < 2 * ACTIVE_NS ? current : new Set();
    current = new Set();
    began = now;
  }

  return {
    seen(caller, now) {
      turn(now);
      current.add(caller);
    },
    rate({ events, bytes, limitBytes }, now) {
      turn(now);
      if (bytes < NEARLY_FULL * limitBytes) return undefined;
      const callers = new Set([...current, ...previous]).size;
      if (callers < 2) return undefined;
      const left = Math.max(limitBytes - bytes, 0) / (events === 0 ? TYPICAL_BYTES : bytes / events);
      return { intervalNs: Math.ceil((LASTS_NS * callers) / Math.max(left, 1)), burst: BURST };
    },
  };
}
