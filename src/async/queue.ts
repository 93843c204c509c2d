/** Runs tasks one at a time, in the order in which they were asked for. */
export interface Queue {
  /** Settles as the task does. A task that rejects does not stop the next one. */
  run<Result>(task: () => Promise<Result>): Promise<Result>;
  /** Resolves when every task that was asked for so far has settled. */
  idle(): Promise<void>;
}

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(task) {
      const result = last.then(task);
      last = result.catch(() => {});
      return result;
    },
    async idle() {
      await last;
    },
  };
}
