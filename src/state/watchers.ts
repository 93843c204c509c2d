import { createWakeup, type Wakeup } from "../async/wakeup.ts";
import type { Change, Entry, StateError } from "./keyvalue.ts";

/** The open watches of a store that lives in this process. */
export interface Watchers {
  /** Hands a change to every watch that it concerns. */
  tell(change: Exclude<Change, { type: "current" }>): void;
  /** Ends every watch with the error, now and for ever. */
  fail(error: StateError): void;
  /** A watch that begins, when it is first read, with what `existing` answers. */
  open(prefix: string, signal: AbortSignal, existing: () => readonly Entry[]): AsyncIterable<Change>;
}

export function createWatchers(): Watchers {
  const mailboxes = new Set<Mailbox>();
  let failure: StateError | undefined;

  async function* open(prefix: string, signal: AbortSignal, existing: () => readonly Entry[]): AsyncIterable<Change> {
    const mailbox = new Mailbox(prefix);
    // Between the snapshot and the mailbox no write may slip through: no await stands between these two lines.
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
    tell(change) {
      for (const mailbox of mailboxes) mailbox.put(change);
    },
    fail(error) {
      failure = error;
      for (const mailbox of mailboxes) mailbox.arrived.wake();
    },
  };
}

/** What a watch has not read yet: at most one change for a key, so that a slow reader costs bounded memory. */
class Mailbox {
  private readonly prefix: string;
  private readonly pending = new Map<string, Change>();
  readonly arrived: Wakeup = createWakeup();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  put(change: Exclude<Change, { type: "current" }>): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    if (!key.startsWith(this.prefix)) return;
    // Delete first: a Map keeps the place of a key that is set again, and the order must be that of the revisions.
    this.pending.delete(key);
    this.pending.set(key, change);
    this.arrived.wake();
  }

  take(): Change | undefined {
    for (const [key, change] of this.pending) {
      this.pending.delete(key);
      return change;
    }
    return undefined;
  }
}
