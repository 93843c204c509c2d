import { endsWithin } from "../async/timeout.ts";

/** How long a caller waits for a reload, and for how long after its start no other one starts. In milliseconds. */
export const RELOAD = { wait: 250, coolDown: 5_000 } as const;

/**
 * Reads the store again for callers that met an unknown kid, in case the watch of the store has not brought its key
 * yet. They share a running reload, and none starts during a cool-down after the last start: a flood of invented kids
 * must not become a flood of reads.
 *
 * The function returns undefined when there is nothing to wait for. Otherwise its promise resolves to whether the
 * reload ended within the bound, which counts for each caller separately, and rejects with the reload's error. It does
 * so in the cool-down after a failed reload too, since the kid may be known to the store.
 */
export function createSharedReload(reload: () => Promise<void>, now: () => number): () => Promise<boolean> | undefined {
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
    const quiet = time < quietUntil && time >= quietUntil - RELOAD.coolDown;
    if (!quiet) {
      quietUntil = time + RELOAD.coolDown;
      latest = begin();
    }
    return latest && waitFor(latest);
  };
}

async function waitFor(work: Promise<void>): Promise<boolean> {
  if (!(await endsWithin(RELOAD.wait, work))) return false;
  await work;
  return true;
}
