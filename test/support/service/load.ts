/** Workers that repeat a step until it fails or they are stopped. */
export interface Load {
  /** Resolves with all failures when every worker has ended. */
  readonly ended: Promise<unknown[]>;
  /** Resolves after this many more steps, or when every worker has ended. */
  more(steps: number): Promise<unknown>;
  /** Waits for the steps in progress. Rejects with the first failure. */
  stop(): Promise<void>;
}

/** Starts all workers at once. */
export function startLoad(workers: number, step: () => Promise<unknown>): Load {
  const failures: unknown[] = [];
  const waiting = new Map<number, () => void>();
  let done = 0;
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      await step();
      waiting.get(++done)?.();
    }
  };
  const runs = Array.from({ length: workers }, () => work().catch((error) => failures.push(error)));
  const ended = Promise.all(runs).then(() => failures);
  return {
    ended,
    more: (steps) => Promise.race([ended, new Promise<void>((resolve) => waiting.set(done + steps, resolve))]),
    async stop() {
      stopped = true;
      await ended;
      if (failures.length > 0) throw failures[0];
    },
  };
}
