import { pause } from "./timeout.ts";

/** Milliseconds until something that failed in the background is tried again. */
export const RETRY_MS = 5_000;

export interface Following<Item> {
  readonly source: (signal: AbortSignal) => AsyncIterable<Item>;
  /** What it throws counts as an error of the source. */
  readonly onItem: (item: Item) => void;
  readonly onError: (error: unknown) => void;
  /** Milliseconds until the source is opened again after it threw `error`, or ended (undefined). */
  readonly pauseAfter?: (error: unknown) => number;
}

/** Reads a source until the signal aborts, and opens it again after it ended or threw. Rejects if `onError` throws. */
export async function follow<Item>(
  { source, onItem, onError, pauseAfter = () => RETRY_MS }: Following<Item>,
  signal: AbortSignal,
): Promise<void> {
  async function* read(): AsyncGenerator<void> {
    for await (const item of source(signal)) yield onItem(item);
  }
  const watching = watchAgain(read, signal, (error) => {
    if (error !== undefined) onError(error);
    return pauseAfter(error);
  });
  for await (const _ of watching);
}

/**
 * Yields what a source yields until the signal aborts. When the source ends or throws, opens it again after the
 * milliseconds that `pauseAfter` returns. An error that `pauseAfter` throws ends it; an error of the source after the
 * abort is dropped.
 */
export async function* watchAgain<Item>(
  source: () => AsyncIterable<Item>,
  signal: AbortSignal,
  pauseAfter: (error: unknown) => number,
): AsyncGenerator<Item> {
  while (!signal.aborted) {
    let error: unknown;
    try {
      yield* source();
    } catch (cause) {
      error = cause;
    }
    if (signal.aborted) return;
    await pause(pauseAfter(error), signal);
  }
}
