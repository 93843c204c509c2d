import type { AuditEvent, AuditLog } from "./event.ts";
import type { Party } from "./events/event-type.ts";

/** The first occurrence of a kind is an event at once; further ones in this window are counted in a single event. */
const WINDOW_MS = 10_000;
/** Tokens of another issuer can name any number of callers. */
const MOST_WINDOWS = 10_000;

/** Runs `run` once, after `ms` milliseconds, unless the returned function is called first. */
export type After = (ms: number, run: () => void) => () => void;

type CountedEvent = Extract<AuditEvent, { readonly count: number }>;
type WithoutCount<Event> = Event extends CountedEvent ? Omit<Event, "count"> : never;
type Asked<Event> = Event extends { readonly sample: infer Sample }
  ? Omit<Event, "sample"> & { readonly sample: () => Sample }
  : Event;

/**
 * What happened, without how often. What differs from one to the next (the address of the caller, the id of the request,
 * the sample) is that of the first one which an event counts. A sample is made for that one alone.
 */
export type Occurrence = Asked<WithoutCount<CountedEvent>>;

/** Writes events that stand for many, so that a flood of bad calls does not become a flood of events. */
export interface EventCounter {
  count(occurrence: Occurrence): void;
  /** Writes the open counts and stops counting. */
  stop(): Promise<void>;
}

/** What is counted now: nothing has happened since the last event while `first` is undefined. */
interface Window {
  first: First | undefined;
  count: number;
  readonly close: () => Promise<void>;
  cancel: () => void;
}

/** The first occurrence that an event counts, with its sample. */
type First = WithoutCount<CountedEvent>;

/** Somebody of whom nothing is known. */
export const NOBODY: Party = { name: "", proof: "", address: "" };

/**
 * A failing `audit` is only reported to `onProblem`: what is counted had no effect that an event must record. Memory is
 * bounded: with many kinds at once, callers are counted together, and all else in an occurrence is of the
 * configuration or the contract.
 */
export function createEventCounter(
  audit: AuditLog,
  now: () => number,
  onProblem: (error: unknown) => void,
  after: After = timeout,
): EventCounter {
  const windows = new Map<string, Window>();

  function write(first: First, count: number): Promise<void> {
    return audit.append({ ...first, count } as CountedEvent, now()).catch(onProblem);
  }

  function count(occurrence: Occurrence): void {
    const kind = kindOf(occurrence);
    const open = windows.get(kind);
    if (open !== undefined) {
      open.first ??= withSample(occurrence);
      open.count += 1;
    } else if (windows.size >= MOST_WINDOWS && "caller" in occurrence && occurrence.caller !== NOBODY)
      count({ ...occurrence, caller: NOBODY });
    else begin(kind, occurrence);
  }

  function begin(kind: string, occurrence: Occurrence): void {
    void write(withSample(occurrence), 1);
    const window: Window = { first: undefined, count: 0, close, cancel: after(WINDOW_MS, turn) };
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
      const { first, count } = window;
      window.first = undefined;
      window.count = 0;
      if (first !== undefined) await write(first, count);
    }
  }

  return {
    count,
    async stop() {
      const open = [...windows.values()];
      windows.clear();
      for (const { cancel } of open) cancel();
      await Promise.all(open.map(({ close }) => close()));
    },
  };
}

function withSample(occurrence: Occurrence): First {
  return "sample" in occurrence ? { ...occurrence, sample: occurrence.sample() } : occurrence;
}

function kindOf(occurrence: Occurrence): string {
  // JSON leaves the function of a sample out.
  if (!("caller" in occurrence)) return JSON.stringify(occurrence);
  // Without the address and the request: a caller can come from, and make, any number of them.
  const { caller, requestId: _, ...rest } = { requestId: "", ...occurrence };
  return JSON.stringify([rest, caller.name, caller.proof]);
}

function timeout(ms: number, run: () => void): () => void {
  // Unref'ed: `stop` closes every window that is open, so none needs the process to wait for it.
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
}
