import type { AuditLog } from "./event.ts";

/** The first of a kind is an event at once; those that follow within this time are counted in one more. */
const WINDOW_MS = 10_000;

/** Runs something once, after so many milliseconds, unless what it returns is called before. */
export type After = (ms: number, run: () => void) => () => void;

/** Writes `token.denied` events: a flood of bad requests must not become a flood of events. */
export interface DenialCounter {
  count(profile: string, caller: string, reason: string): void;
  /** Writes what was counted so far, and counts no more. */
  stop(): Promise<void>;
}

/**
 * `audit` failures are told to `problem` alone: a denial leaves nothing behind that the log must hold. The kinds are few:
 * known profiles, known callers, the reasons of the contract.
 */
export function createDenialCounter(
  audit: AuditLog,
  now: () => number,
  problem: (error: unknown) => void,
  after: After = timeout,
): DenialCounter {
  const windows = new Map<string, { count: number; readonly close: () => Promise<void>; cancel: () => void }>();

  function write(profile: string, caller: string, reason: string, count: number): Promise<void> {
    return audit.append({ type: "token.denied", profile, caller, reason, count }, now()).catch(problem);
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

      // A window that counted something is followed by the next at once, so that no 10 s ever hold more than one event.
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
