import { endsWithin } from "../async/timeout.ts";

/** How long a caller waits for a reload, and how long none is begun after the last. In milliseconds. */
export const RELOAD = { wait: 250, coolDown: 5_000 } as const;

/**
 * Looks into the store for those who met an unknown kid. All that come while a reload runs share it, and for some time
 * after its begin no other one is begun: a flood of invented kids must not become a flood of reads.
 *
 * The function answers undefined when nobody need wait, else a promise that resolves to whether the reload was done within
 * the bound, which each caller waits on its own, and rejects with the reload's error: in the cool-down after a failed one
 * too, since nobody knows then that a kid is really unknown.
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
      // It may fail after all have stopped waiting.
      () => undefined,
    );
    return work;
  }

  return () => {
    const time = now();
    // A clock that stepped back must not keep it quiet for longer.
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
