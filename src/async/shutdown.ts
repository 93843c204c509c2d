import { endsWithin } from "./timeout.ts";

/** Ends what was started, in the opposite order. Each step of a start adds how to undo it: see `startApp`. */
export interface Shutdown {
  /** `end` gets the milliseconds that it may take. The shutdown waits for it a moment longer. */
  add(end: (leftMs: number) => unknown): void;
  /** Ends everything within `boundMs`. An ending that fails or takes too long is reported, and the next one begins. */
  end(boundMs: number): Promise<void>;
}

/** What each ending may take at least, even when those before it have used up the time. */
const LEAST_MS = 200;
/** Kept back from each ending for those after it, in case it takes all the time that it may. */
const RESERVE_MS = 1_000;

export function createShutdown(onError: (error: unknown) => void): Shutdown {
  const endings: ((leftMs: number) => unknown)[] = [];
  return {
    add: (end) => void endings.push(end),
    async end(boundMs) {
      const until = performance.now() + boundMs;
      for (let end = endings.pop(); end !== undefined; end = endings.pop()) {
        const left = until - performance.now();
        const leftMs = Math.max(left - RESERVE_MS, LEAST_MS);
        const ended = Promise.try(end, leftMs).catch(onError);
        const inTime = await endsWithin(Math.max(Math.min(leftMs + LEAST_MS, left), 0), ended);
        if (!inTime) onError(new Error("a part of the service did not stop in time: the stop went on without it"));
      }
    },
  };
}
