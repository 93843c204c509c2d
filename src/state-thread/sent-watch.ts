import { createWakeup } from "../async/wakeup.ts";
import type { Change, KeyValue } from "../state/keyvalue.ts";

/** A watch whose changes are sent to the other thread, in batches. */
export interface SentWatch {
  /** The last batch was read: the next one may be sent. */
  more(): void;
  stop(): void;
  /** Resolves when the watch has ended, with the error that ended it, if any. */
  readonly ended: Promise<unknown>;
}

/** Changes in one message. More wait in the store until the reader has read these: memory stays bounded. */
const FULL = 500;

export function createSentWatch(
  store: KeyValue,
  prefix: string,
  send: (changes: readonly Change[]) => void,
): SentWatch {
  const stopping = new AbortController();
  const room = createWakeup();
  let batch: Change[] = [];
  let readerWaits = true;

  function flush(): void {
    if (!readerWaits || batch.length === 0) return;
    readerWaits = false;
    send(batch);
    batch = [];
    room.wake();
  }

  async function read(): Promise<void> {
    for await (const change of store.watch(prefix, stopping.signal)) {
      batch.push(change);
      // What comes in one turn of the event loop is one message.
      if (batch.length === 1) setImmediate(flush);
      if (batch.length === FULL) flush();
      while (batch.length >= FULL && !stopping.signal.aborted) await room.wait(stopping.signal);
    }
  }

  return {
    more() {
      readerWaits = true;
      flush();
    },
    stop: () => stopping.abort(),
    ended: read().catch((error: unknown) => error),
  };
}
