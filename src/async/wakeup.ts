/**
 * Lets callers wait for a change. A caller that is woken MUST check for the change: it may be woken for nothing. Where
 * several callers wait, each MUST also check before it waits: a wake that ended another's wait is not kept for it.
 */
export interface Wakeup {
  /** Ends every wait that has begun. If there is none, ends the next one: a change between two waits is not missed. */
  wake(): void;
  /**
   * Resolves with whether it was woken: true after a `wake`, false when the signal aborts or `ms` pass first. The timer
   * is unref'ed: background loops wait here, and one that was never stopped must not keep the process alive.
   */
  wait(signal?: AbortSignal, ms?: number): Promise<boolean>;
}

export function createWakeup(): Wakeup {
  const waiting = new Set<() => void>();
  let woken = false;

  function untilWoken(signal: AbortSignal | undefined, ms: number | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (result: boolean): void => {
        waiting.delete(onWake);
        signal?.removeEventListener("abort", onEnd);
        clearTimeout(timer);
        resolve(result);
      };
      const onWake = (): void => settle(true);
      const onEnd = (): void => settle(false);
      const timer = ms === undefined ? undefined : setTimeout(onEnd, ms).unref();
      waiting.add(onWake);
      signal?.addEventListener("abort", onEnd);
    });
  }

  return {
    wake() {
      woken = true;
      for (const onWake of waiting) onWake();
    },
    async wait(signal, ms) {
      const result = woken || (!signal?.aborted && (await untilWoken(signal, ms)));
      woken = false;
      return result;
    },
  };
}
