/** Wakes those that wait for something to happen. A waiter MUST look again at what it waits for: it may be woken for nothing. */
export interface Wakeup {
  /** Wakes all that wait now, and otherwise the next wait: nothing that happens between two waits is missed. */
  wake(): void;
  /**
   * Resolves when woken, when the signal aborts, or after `ms`: to whether it was woken. The time alone does not keep the
   * process alive: background loops wait here, and one that was never stopped must not keep a process from ending.
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
