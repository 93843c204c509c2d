/** How long a caller waits for a reload, and how long none is begun after the last. In milliseconds. */
export const RELOAD = { wait: 250, coolDown: 5_000 } as const;

/**
 * Looks into the store for those who met an unknown kid. All that come while a reload runs share it, and for some time
 * after it none is begun: a flood of invented kids must not become a flood of reads.
 *
 * The function answers undefined when nobody need wait, else a promise that resolves when the reload is done or took too
 * long, and rejects with the reload's error: in the cool-down after a failed one too, since nobody knows then that a kid is
 * really unknown.
 */
export function sharedReload(reload: () => Promise<void>, now: () => number): () => Promise<void> | undefined {
  let running: Promise<void> | undefined;
  let latest: Promise<void> | undefined;
  let failed: Promise<void> | undefined;
  let quietUntil = Number.NEGATIVE_INFINITY;

  return () => {
    if (running !== undefined) return running;
    const time = now();
    // A clock that stepped back must not keep it quiet for longer.
    if (time < quietUntil && time >= quietUntil - RELOAD.coolDown) return failed;
    quietUntil = time + RELOAD.coolDown;
    failed = undefined;
    const work = reload();
    latest = work;
    // It may fail after all have stopped waiting, and even after the next was begun.
    work.catch(() => {
      if (latest === work) failed = work;
    });
    running = atMost(RELOAD.wait, work).finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, bound]).finally(() => clearTimeout(timer));
}
