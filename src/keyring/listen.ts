import { StateError } from "../state/keyvalue.ts";
import { createBell } from "./bell.ts";

/** How long after a failure something is tried again. In milliseconds. */
export const retryAfter = 5_000;
/** A store that was lost has its successor already, and others write to it. */
const afterLoss = 250;

/**
 * Hears every item of a source until the signal aborts. When it ends or throws it is opened again after five seconds; at
 * once when the store below it was lost.
 */
export async function listen<Item>(
  source: (signal: AbortSignal) => AsyncIterable<Item>,
  signal: AbortSignal,
  hear: (item: Item) => void,
  problem: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    let pause = retryAfter;
    try {
      for await (const item of source(signal)) hear(item);
    } catch (error) {
      problem(error);
      if (error instanceof StateError && error.code === "LOST") pause = afterLoss;
    }
    await createBell().heardWithin(pause, signal);
  }
}
