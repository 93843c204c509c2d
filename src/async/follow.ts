import { createBell } from "./signal.ts";

/** How long after a failure something is tried again. In milliseconds. */
export const retryAfter = 5_000;

/**
 * Hears every item of a source until the signal aborts. When it ends it is opened again after five seconds; when it
 * throws, after as many milliseconds as `pauseAfter` says.
 */
export async function listen<Item>(
  source: (signal: AbortSignal) => AsyncIterable<Item>,
  signal: AbortSignal,
  hear: (item: Item) => void,
  problem: (error: unknown) => void,
  pauseAfter: (error: unknown) => number = () => retryAfter,
): Promise<void> {
  while (!signal.aborted) {
    let pause = retryAfter;
    try {
      for await (const item of source(signal)) hear(item);
    } catch (error) {
      problem(error);
      pause = pauseAfter(error);
    }
    await createBell().heardWithin(pause, signal);
  }
}
