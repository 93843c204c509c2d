import { Problem } from "../token/problem.ts";

/** What was told and not read yet. */
export interface Inbox<Item> {
  put(item: Item): void;
  /** All that is put, in order, until the signal aborts. Throws the Problem SLOW_READER when more waited than may. */
  items(signal: AbortSignal): AsyncGenerator<Item>;
}

/** For one reader, who may let `limit` items wait at most: one that reads nothing must not fill the memory. */
export function createInbox<Item>(limit: number): Inbox<Item> {
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
        if (overflown) throw slowReader(limit);
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

function slowReader(limit: number): Problem {
  const message = `more than ${limit} changes waited to be read: watch again, and read faster`;
  return new Problem("SLOW_READER", message, { retryAfterMs: 1_000 });
}
