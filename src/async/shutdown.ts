import { atMost } from "./timeout.ts";

/** What was begun and must be ended, in the opposite order. */
export interface Endings {
  /** `ending` is told for how many milliseconds it will be waited for, but for a moment to come to its own end. */
  add(ending: (leftMs: number) => unknown): void;
  /**
   * Ends all of it, within `boundMs`: what takes longer is begun and not waited for. One that fails is told and must not keep
   * the others from ending.
   */
  end(boundMs: number): Promise<void>;
}

/** What each one is told at least, also when the others have used up the time. */
const LEAST_MS = 200;
/** Of the time, for those that come after one that uses up all it is told. */
const RESERVE_MS = 1_000;

export function collectEndings(failed: (error: unknown) => void): Endings {
  const endings: ((leftMs: number) => unknown)[] = [];
  return {
    add: (ending) => void endings.push(ending),
    async end(boundMs) {
      const until = performance.now() + boundMs;
      for (let ending = endings.pop(); ending !== undefined; ending = endings.pop()) {
        const left = until - performance.now();
        const leftMs = Math.max(left - RESERVE_MS, LEAST_MS);
        const ended = Promise.try(ending, leftMs).catch(failed);
        const inTime = await atMost(Math.max(Math.min(leftMs + LEAST_MS, left), 0), ended);
        if (!inTime) failed(new Error("an ending took too long: it was not waited for"));
      }
    },
  };
}
