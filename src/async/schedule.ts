import { listen, retryAfter } from "./follow.ts";
import { createBell } from "./signal.ts";

/** What a schedule runs, and when. */
export interface Work {
  /** One turn. When it rejects it is tried again after five seconds. */
  turn(): Promise<void>;
  /** Milliseconds until the next turn is due. */
  untilNext(): number;
  /** Asks for a turn with every item. When it ends or throws it is opened again after five seconds. */
  calls(signal: AbortSignal): AsyncIterable<unknown>;
  problem(error: unknown): void;
  /** Milliseconds until `calls` is opened again after this error. */
  pauseAfter?(error: unknown): number;
}

/** Looked after at least so often: a suspended machine or a clock that steps does not move a timer. */
const longestPause = 60_000;

/** Runs turns, one at a time and the first at once. The answer stops it, and resolves when nothing runs any more. */
export function startSchedule(work: Work): () => Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const called = createBell();

  async function takeTurns(): Promise<void> {
    while (!signal.aborted) {
      const pause = await work.turn().then(
        () => Math.min(Math.max(work.untilNext(), 0), longestPause),
        (error) => {
          work.problem(error);
          return retryAfter;
        },
      );
      await called.heardWithin(pause, signal);
    }
  }

  const listening = listen(work.calls, signal, called.ring, work.problem, work.pauseAfter);
  const running = Promise.all([takeTurns(), listening]);
  return async () => {
    controller.abort();
    await running;
  };
}
