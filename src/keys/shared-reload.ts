import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "../async/timeout.ts";
import { StateError } from "../state/keyvalue.ts";
import { KeyringError } from "./error.ts";

/** How long a caller waits for a reload, and for how long at most no other one starts. In milliseconds. */
export const RELOAD = { wait: 250, coolDown: 5_000 } as const;

/**
 * Reads the store again for callers that met an unknown kid, in case the watch of the store has not brought its key
 * yet. They share a running reload, and none starts within `coolDown` milliseconds after the last start: a flood of
 * invented kids must not become a flood of reads. A key that a token needs must have been in the store for that long.
 *
 * The function returns undefined when the store was read so lately that the kid is unknown there too. Otherwise its
 * promise resolves when the reload has ended. It rejects with the reload's error, and with {@link KeyringError}
 * UNREADABLE for a caller that has waited for the bound: the kid may be known to the store. It does so in the cool-down
 * after a failed reload too.
 */
export function createSharedReload(
  reload: () => Promise<void>,
  now: () => number,
  coolDown: number = RELOAD.coolDown,
): () => Promise<void> | undefined {
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

  return () => {
    const time = now();
    // A clock that stepped back must not lengthen the cool-down.
    const quiet = time < quietUntil && time >= quietUntil - coolDown;
    if (!quiet) {
      quietUntil = time + coolDown;
      latest = begin();
    }
    return latest && within({ ms: RELOAD.wait }, latest, throwLate);
  };
}

async function throwLate(): Promise<never> {
  // If this process was held up, what the store answered meanwhile is read after this timer.
  await nextTurn();
  // The store is the cause, as for callers of a reload that failed.
  const cause = new StateError("UNAVAILABLE", "it does not answer in time");
  throw new KeyringError("UNREADABLE", `the store was not read within ${RELOAD.wait} ms`, { cause });
}
