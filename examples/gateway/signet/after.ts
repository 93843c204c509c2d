/** The longest delay of setTimeout, 24.8 days. It takes a longer one for 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

export interface Timer {
  stop(): void;
  /** Counts from the beginning again. */
  restart(): void;
}

/** Calls `act` once, after `ms` of the monotonic clock. */
export function after(ms: number, act: () => void): Timer {
  let timer: NodeJS.Timeout;
  const start = (left: number): void => {
    timer = left > LONGEST_MS ? setTimeout(start, LONGEST_MS, left - LONGEST_MS) : setTimeout(act, left);
  };
  start(ms);
  return {
    stop: () => clearTimeout(timer),
    restart: () => {
      clearTimeout(timer);
      start(ms);
    },
  };
}
