/** Workers that repeat a step, each until it fails or is stopped. */
export interface Load {
  /** Resolves when no worker works any more, with what made them fail. */
  readonly ended: Promise<unknown[]>;
  /** Resolves when so many more steps are done, or no worker works any more. */
  more(steps: number): Promise<unknown>;
  /** Lets the steps under way finish. Rejects with the first failure of all. */
  stop(): Promise<void>;
}

/** So many workers begin at once. */
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
