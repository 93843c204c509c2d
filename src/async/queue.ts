/** Works that are done one after the other, in the order in which they are asked for. */
export interface Turns {
  /** Settles as the work does. */
  take<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Resolves when none is under way any more. */
  idle(): Promise<void>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(work) {
      const result = last.then(work);
      last = result.catch(() => {});
      return result;
    },
    async idle() {
      await last;
    },
  };
}
