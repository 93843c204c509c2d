import { follow, RETRY_MS } from "./follow.ts";
import { waitUntilDue } from "./wait-until-due.ts";
import { createWakeup } from "./wakeup.ts";

/** What a schedule runs, and when. */
export interface ScheduledWork {
  /** When it rejects it is run again after five seconds. */
  run(): Promise<void>;
  /**
   * When the next run is due, in Unix milliseconds: the first time after `since`, when the last run began. What came
   * due during a run, which may be long or meet a clock that is set, is due at once.
   */
  nextRun(since: number): number;
  /** The wall clock, in Unix milliseconds. */
  readonly now: () => number;
  /** How often it is looked at, in milliseconds; a second by default. */
  readonly tickMs?: number;
  /** Each item asks for a run at once. When it ends or throws it is opened again. */
  triggers(signal: AbortSignal): AsyncIterable<unknown>;
  onError(error: unknown): void;
  /** Milliseconds until `triggers` is opened again; five seconds by default. */
  pauseAfter?(error: unknown): number;
}

/** Work is due again after a minute at most, in case a trigger was lost. */
const LONGEST_PAUSE_MS = 60_000;

/** Begins the first run at once. Runs never overlap. The returned function stops the schedule after the current run. */
export function startSchedule(work: ScheduledWork): () => Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const triggered = createWakeup();
  const { now, tickMs } = work;

  async function runAgain(): Promise<void> {
    while (!signal.aborted) {
      const since = now();
      const at = await work.run().then(
        () => work.nextRun(since),
        (error) => {
          work.onError(error);
          return now() + RETRY_MS;
        },
      );
      await waitUntilDue(triggered, { now, at, withinMs: LONGEST_PAUSE_MS, signal, tickMs });
    }
  }

  const { triggers: source, onError, pauseAfter = () => RETRY_MS } = work;
  const running = Promise.all([runAgain(), follow({ source, onItem: triggered.wake, onError, pauseAfter }, signal)]);
  return async () => {
    controller.abort();
    await running;
  };
}
