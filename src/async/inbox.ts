/** What was told and not read yet. */
export interface Inbox<Item> {
  put(item: Item): void;
  /** All that is put, in order, until the signal aborts. Throws the error of `overflow` once more than the limit waited. */
  items(signal: AbortSignal): AsyncGenerator<Item>;
}

/** For one reader, who may let `limit` items wait at most: one that reads nothing must not fill the memory. */
export function createInbox<Item>(limit: number, overflow: () => Error): Inbox<Item> {
  let waiting: Item[] = [];
  let overflown = false;
  let wake = (): void => {};

  return {
    put(item) {
      overflown ||= waiting.length === limit;
      if (overflown) waiting = [];
      else waiting.push(item);
      wake();
    },
    async *items(signal) {
      signal.addEventListener("abort", () => wake(), { once: true });
      while (!signal.aborted) {
        if (overflown) throw overflow();
        const taken = waiting;
        waiting = [];
        yield* taken;
        if (waiting.length > 0 || overflown || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
