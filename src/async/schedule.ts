import { follow, RETRY_MS } from "./follow.ts";
import { createWakeup } from "./wakeup.ts";

/** What a schedule runs, and when. */
export interface ScheduledWork {
  /** When it rejects it is run again after five seconds. */
  run(): Promise<void>;
  /** Milliseconds until the next run is due. */
  msUntilNext(): number;
  /** Each item asks for a run at once. When it ends or throws it is opened again. */
  triggers(signal: AbortSignal): AsyncIterable<unknown>;
  onError(error: unknown): void;
  /** Milliseconds until `triggers` is opened again; five seconds by default. */
  pauseAfter?(error: unknown): number;
}

/** Work is due again after a minute at most: a timer does not notice a suspended machine or a clock that was set. */
const LONGEST_PAUSE_MS = 60_000;

/** Begins the first run at once. Runs never overlap. The returned function stops the schedule after the current run. */
export function startSchedule(work: ScheduledWork): () => Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const triggered = createWakeup();

  async function runAgain(): Promise<void> {
    while (!signal.aborted) {
      const pause = await work.run().then(
        () => Math.min(Math.max(work.msUntilNext(), 0), LONGEST_PAUSE_MS),
        (error) => {
          work.onError(error);
          return RETRY_MS;
        },
      );
      await triggered.wait(signal, pause);
    }
  }

  const { triggers: source, onError, pauseAfter = () => RETRY_MS } = work;
  const running = Promise.all([runAgain(), follow({ source, onItem: triggered.wake, onError, pauseAfter }, signal)]);
  return async () => {
    controller.abort();
    await running;
  };
}
