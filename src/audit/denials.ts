import type { AuditLog } from "./event.ts";

/** The first denial of a kind is an event at once; further ones in this window are counted in a single event. */
const WINDOW_MS = 10_000;

/** Runs `run` once, after `ms` milliseconds, unless the returned function is called first. */
export type After = (ms: number, run: () => void) => () => void;

/** Writes `token.denied` events so that a flood of bad requests does not become a flood of events. */
export interface DenialCounter {
  count(profile: string, caller: string, reason: string): void;
  /** Writes the open counts and stops counting. */
  stop(): Promise<void>;
}

/**
 * A failing `audit` is only reported to `onProblem`: a denied call had no effect that an event must record. Memory is
 * bounded, because a kind is a known profile, a known caller and a reason of the contract.
 */
export function createDenialCounter(
  audit: AuditLog,
  now: () => number,
  onProblem: (error: unknown) => void,
  after: After = timeout,
): DenialCounter {
  const windows = new Map<string, { count: number; readonly close: () => Promise<void>; cancel: () => void }>();

  function write(profile: string, caller: string, reason: string, count: number): Promise<void> {
    return audit.append({ type: "token.denied", profile, caller, reason, count }, now()).catch(onProblem);
  }

  return {
    count(profile, caller, reason) {
      const kind = JSON.stringify([profile, caller, reason]);
      const open = windows.get(kind);
      if (open !== undefined) {
        open.count += 1;
        return;
      }
      void write(profile, caller, reason, 1);
      const window = { count: 0, close, cancel: after(WINDOW_MS, turn) };
      windows.set(kind, window);

      // The next window follows a non-empty one at once, so that no 10 s hold more than one event.
      function turn(): void {
        if (window.count === 0) windows.delete(kind);
        else {
          void close();
          window.cancel = after(WINDOW_MS, turn);
        }
      }
      async function close(): Promise<void> {
        const { count } = window;
        window.count = 0;
        if (count > 0) await write(profile, caller, reason, count);
      }
    },

    async stop() {
      const open = [...windows.values()];
      windows.clear();
      for (const { cancel } of open) cancel();
      await Promise.all(open.map(({ close }) => close()));
    },
  };
}

function timeout(ms: number, run: () => void): () => void {
  // Unref'ed: `stop` closes every window that is open, so none needs the process to wait for it.
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}
