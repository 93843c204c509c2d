import { createWakeup } from "./wakeup.ts";

/** Items that were put in and not read yet. */
export interface Inbox<Item> {
  put(item: Item): void;
  /** Yields every item, in order, until the signal aborts. Throws `overflow()` once more items than the limit wait. */
  items(signal: AbortSignal): AsyncGenerator<Item>;
}

/** An inbox for one reader. At most `limit` items wait: a reader that has stopped reading must not fill the memory. */
export function createInbox<Item>(limit: number, overflow: () => Error): Inbox<Item> {
  const arrived = createWakeup();
  let waiting: Item[] = [];
  let overflown = false;

  return {
    put(item) {
      overflown ||= waiting.length === limit;
      if (overflown) waiting = [];
      else waiting.push(item);
      arrived.wake();
    },
    async *items(signal) {
      while (!signal.aborted) {
        if (overflown) throw overflow();
        const items = waiting;
        waiting = [];
        yield* items;
        await arrived.wait(signal);
      }
    },
  };
}
