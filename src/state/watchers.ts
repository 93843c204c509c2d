import { createWakeup } from "../async/wakeup.ts";
import type { Change, Entry, StateError } from "./keyvalue.ts";

type Written = Extract<Change, { type: "put" | "delete" }>;

/** The open watches of a store that lives in this process. */
export interface Watchers {
  /** Passes a change to every watch whose prefix its key has. */
  publish(change: Written): void;
  /** Ends every watch with the error, open ones and later ones. */
  fail(error: StateError): void;
  /**
   * Opens a watch that begins with the entries that `existing` returns when it is first read. It may leave out one that
   * is changed while they are read: the watch yields the change.
   */
  open(prefix: string, signal: AbortSignal, existing: () => Iterable<Entry>): AsyncIterable<Change>;
}

export function createWatchers(): Watchers {
  const mailboxes = new Set<Mailbox>();
  let failure: StateError | undefined;

  async function* open(prefix: string, signal: AbortSignal, existing: () => Iterable<Entry>): AsyncIterable<Change> {
    const mailbox = new Mailbox(prefix);
    // No await between these two lines: otherwise a write between mailbox and snapshot could be missed.
    mailboxes.add(mailbox);
    const snapshot = failure === undefined ? existing() : [];
    try {
      for (const entry of snapshot) {
        if (signal.aborted) return;
        yield { type: "put", entry };
      }
      if (!signal.aborted && failure === undefined) yield { type: "current" };
      while (!signal.aborted) {
        if (failure !== undefined) throw failure;
        const change = mailbox.take();
        if (change === undefined) await mailbox.arrived.wait(signal);
        else yield change;
      }
    } finally {
      mailboxes.delete(mailbox);
    }
  }

  return {
    open,
    publish(change) {
      for (const mailbox of mailboxes) mailbox.put(change);
    },
    fail(error) {
      failure = error;
      for (const mailbox of mailboxes) mailbox.arrived.wake();
    },
  };
}

/** The changes that a watch has not read yet: at most one per key, so that a slow reader takes bounded memory. */
class Mailbox {
  readonly arrived = createWakeup();
  readonly #prefix: string;
  readonly #pending = new Map<string, Change>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  put(change: Written): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    if (!key.startsWith(this.#prefix)) return;
    // Deleted first: a Map keeps the position of a key that is set again, and the order must be that of the revisions.
    this.#pending.delete(key);
    this.#pending.set(key, change);
    this.arrived.wake();
  }

  take(): Change | undefined {
    for (const [key, change] of this.#pending) {
      this.#pending.delete(key);
      return change;
    }
    return undefined;
  }
}
