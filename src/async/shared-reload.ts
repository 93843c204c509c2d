import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "./timeout.ts";

/** What is read again, and how often. Times in milliseconds. */
export interface Reloading {
  readonly reload: () => Promise<void>;
  readonly now: () => number;
  /** No reload starts so soon after the start of the last one. */
  readonly coolDown: number;
  /** How long a caller waits. */
  readonly wait: number;
  /** Throws the error of a caller that has waited for so long. */
  readonly onLate: () => never;
}

/**
 * Reads again for callers that miss something that may have been published meanwhile, such as a key. They share a
 * running reload, and none starts within the cool-down: a flood of invented names must not become a flood of reads.
 *
 * The function returns undefined when it was read so lately that the name is unknown there too. Otherwise its promise
 * resolves when the reload has ended, and rejects with the reload's error, also in the cool-down after a failed one, or
 * with the error of `onLate`.
 */
export function createSharedReload(parts: Reloading): () => Promise<void> | undefined {
  const { reload, now, coolDown, wait, onLate } = parts;
  let latest: Promise<void> | undefined;
  let quietUntil = Number.NEGATIVE_INFINITY;

  function begin(): Promise<void> {
    const work = reload();
    work.then(
      () => {
        if (latest === work) latest = undefined;
      },
      // It may fail after every caller has stopped waiting.
      () => undefined,
    );
    return work;
  }

  async function throwLate(): Promise<never> {
    // If this process was held up, what was answered meanwhile is read after this timer.
    await nextTurn();
    return onLate();
  }

  return () => {
    const time = now();
    // A clock that stepped back must not lengthen the cool-down.
    const quiet = time < quietUntil && time >= quietUntil - coolDown;
    if (!quiet) {
      quietUntil = time + coolDown;
      latest = begin();
    }
    return latest && within({ ms: wait }, latest, throwLate);
  };
}
