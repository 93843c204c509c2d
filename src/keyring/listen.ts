import { createBell } from "./bell.ts";

/** How long after a failure something is tried again. In milliseconds. */
export const retryAfter = 5_000;

/** Hears every item of a source until the signal aborts. When it ends or throws it is opened again after five seconds. */
export async function listen<Item>(
  source: (signal: AbortSignal) => AsyncIterable<Item>,
  signal: AbortSignal,
  hear: (item: Item) => void,
  problem: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const item of source(signal)) hear(item);
    } catch (error) {
      problem(error);
    }
    await createBell().heardWithin(retryAfter, signal);
  }
}
