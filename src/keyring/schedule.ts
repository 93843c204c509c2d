/** What a schedule runs, and when. */
export interface Work {
  /** One turn. When it rejects it is tried again after five seconds. */
  turn(): Promise<void>;
  /** Milliseconds until the next turn is due. */
  untilNext(): number;
  /** Asks for a turn with every item. When it ends or throws it is opened again after five seconds. */
  calls(signal: AbortSignal): AsyncIterable<unknown>;
  problem(error: unknown): void;
}

const retryAfter = 5_000;
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

  async function listen(): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const _ of work.calls(signal)) called.ring();
      } catch (error) {
        work.problem(error);
      }
      await createBell().heardWithin(retryAfter, signal);
    }
  }

  const running = Promise.all([takeTurns(), listen()]);
  return async () => {
    controller.abort();
    await running;
  };
}

interface Bell {
  ring(): void;
  /** Resolves when the bell rings, or rang since the last time; when the time is over; or when the signal aborts. */
  heardWithin(milliseconds: number, signal: AbortSignal): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let wake = (): void => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async heardWithin(milliseconds, signal) {
      if (!rung && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, milliseconds).unref();
        wake = resolve;
        signal.addEventListener("abort", wake, { once: true });
        await promise;
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
      }
      rung = false;
    },
  };
}
