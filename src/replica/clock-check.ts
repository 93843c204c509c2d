/** How far a clock is ahead of this one, in milliseconds: between `offsetMs` - `boundMs` and `offsetMs` + `boundMs`. */
export interface MeasuredOffset {
  readonly offsetMs: number;
  readonly boundMs: number;
}

export interface ClockCheckOptions {
  /** Asks the shared state for its time. */
  readonly measure: () => Promise<MeasuredOffset>;
  /** The clock that is checked, in Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  /** The most by which the clocks may differ, in milliseconds. */
  readonly allowedMs: number;
  /**
   * Called when the clocks begin to differ by more than that, and when they agree again. `offsetMs`: how far the other
   * is ahead.
   */
  readonly report: (event: { readonly agrees: boolean; readonly offsetMs: number }) => void;
}

/** Whether this clock agrees with that of the shared state. */
export interface ClockCheck {
  /** An estimate of how far the other clock is ahead now, in milliseconds. Undefined: it was never measured. */
  offsetMs(): number | undefined;
  /** False while the clocks differ by more than is allowed. True before the first measurement. */
  agrees(): boolean;
  /** Resolves after the first measurement. */
  readonly measured: Promise<void>;
  /** Checks once, as `start` does every second. Never rejects. */
  look(): Promise<void>;
  start(): void;
  stop(): void;
}

const LOOK_MS = 1_000;
const MEASURE_MS = 10_000;
/** A wall clock that has moved this much against the monotonic clock was set. */
const JUMP_MS = 1_000;

interface Measured extends MeasuredOffset {
  /** The wall clock minus the monotonic clock, at that time. */
  readonly difference: number;
  readonly at: number;
}

/**
 * Between measurements the offset is estimated from how the wall clock moved against the monotonic clock, so a clock
 * that was set is detected at the next token, not at the next measurement.
 */
export function createClockCheck({ measure, now, monotonic, allowedMs, report }: ClockCheckOptions): ClockCheck {
  let measured: Measured | undefined;
  let agreed = true;
  let timer: NodeJS.Timeout | undefined;
  let measuring = false;
  const firstMeasured = Promise.withResolvers<void>();

  const drift = (since: Measured) => now() - monotonic() - since.difference;

  function offsetMs(): number | undefined {
    return measured && measured.offsetMs - drift(measured);
  }

  function agrees(): boolean {
    const offset = offsetMs();
    if (measured === undefined || offset === undefined) return true;
    const fits = Math.abs(offset) <= allowedMs + measured.boundMs;
    if (fits !== agreed) {
      agreed = fits;
      report({ agrees: fits, offsetMs: offset });
    }
    return fits;
  }

  async function look(): Promise<void> {
    const due = measured === undefined || monotonic() - measured.at >= MEASURE_MS;
    const jumped = measured !== undefined && Math.abs(drift(measured)) > JUMP_MS;
    if (measuring || !(due || jumped)) return;
    measuring = true;
    const difference = now() - monotonic();
    // While the store is unreachable, the estimate continues from the last measurement.
    const answer = await measure().catch(() => undefined);
    measuring = false;
    const moved = Math.abs(now() - monotonic() - difference) > JUMP_MS;
    if (answer !== undefined && !moved) {
      measured = { ...answer, difference, at: monotonic() };
      firstMeasured.resolve();
    }
    agrees();
  }

  return {
    offsetMs,
    agrees,
    measured: firstMeasured.promise,
    look,
    start() {
      void look();
      timer = setInterval(() => void look(), LOOK_MS);
    },
    stop: () => clearInterval(timer),
  };
}
