import type { Wakeup } from "./wakeup.ts";

const TICK_MS = 1_000;

/** When a wait ends, unless it is woken or the signal aborts before. */
export interface Due {
  /** The wall clock, in Unix milliseconds. */
  readonly now: () => number;
  /** By the wall clock, in Unix milliseconds. */
  readonly at: number;
  /** By the monotonic clock. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  /** How often the wall clock is looked at, in milliseconds; a second by default. */
  readonly tickMs?: number | undefined;
}

/**
 * Waits for a time of the wall clock. A timer follows the monotonic clock: it notices neither that the machine was
 * suspended nor that the clock was set, so the wait consists of short ones. A clock that was set back ends it too: what
 * is due may then be something else.
 */
export async function waitUntilDue(
  wakeup: Wakeup,
  { now, at, withinMs, signal, tickMs = TICK_MS }: Due,
): Promise<void> {
  for (let left = withinMs; ; left -= tickMs) {
    const before = now();
    if (await wakeup.wait(signal, Math.max(0, Math.min(tickMs, left, at - before)))) return;
    const time = now();
    if (signal.aborted || time >= at || time < before || left <= tickMs) return;
  }
}
