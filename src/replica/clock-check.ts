/** How far a clock is ahead of this one, in milliseconds: somewhere in `offsetMs` ± `boundMs`. */
export interface MeasuredOffset {
  readonly offsetMs: number;
  readonly boundMs: number;
}

export interface ClockCheckOptions {
  /** Asks the shared state for its time. */
  readonly measure: () => Promise<MeasuredOffset>;
  /** Unix milliseconds: the clock that is checked. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** The most that the clocks may differ. */
  readonly allowedMs: number;
  /** Told when it begins to differ by more, and when it agrees again. `offsetMs`: how far the other is ahead. */
  readonly report: (event: { readonly agrees: boolean; readonly offsetMs: number }) => void;
}

/** Whether this clock agrees with that of the shared state. */
export interface ClockCheck {
  /** How far the other clock is ahead now, in milliseconds, as far as can be told. Undefined: it was never asked. */
  offsetMs(): number | undefined;
  /** False while it differs by more than is allowed. Before it was ever asked nothing speaks against it. */
  agrees(): boolean;
  /** Looks once, as `start` does every second. Never rejects. */
  look(): Promise<void>;
  start(): void;
  stop(): void;
}

const LOOK_MS = 1_000;
const MEASURE_MS = 10_000;
/** The wall clock has gone this much faster or slower than the monotonic one: it was set. */
const JUMP_MS = 1_000;

interface Measured extends MeasuredOffset {
  /** The wall clock less the monotonic one, at that time. */
  readonly difference: number;
  readonly at: number;
}

/**
 * Between two measurements the offset is told from what the wall clock did against the monotonic one: a clock that is set
 * is found out at the next token, not at the next measurement.
 */
export function createClockCheck({ measure, now, monotonic, allowedMs, report }: ClockCheckOptions): ClockCheck {
  let measured: Measured | undefined;
  let agreed = true;
  let timer: NodeJS.Timeout | undefined;
  let measuring = false;

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
    // Out of reach it goes by the monotonic clock.
    const answer = await measure().catch(() => undefined);
    measuring = false;
    const moved = Math.abs(now() - monotonic() - difference) > JUMP_MS;
    if (answer !== undefined && !moved) measured = { ...answer, difference, at: monotonic() };
    agrees();
  }

  return {
    offsetMs,
    agrees,
    look,
    start() {
      void look();
      timer = setInterval(() => void look(), LOOK_MS);
    },
    stop: () => clearInterval(timer),
  };
}
