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

/** A message holds so many changes, or bytes. More wait in the store until the reader has read these. */
const FULL = 500;
const FULL_BYTES = 128 * 1024;

export function createSentWatch(
  store: KeyValue,
  prefix: string,
  send: (changes: readonly Change[]) => void,
): SentWatch {
  const stopping = new AbortController();
  const room = createWakeup();
  let batch: Change[] = [];
  let bytes = 0;
  let readerWaits = true;
  const isFull = () => batch.length >= FULL || bytes >= FULL_BYTES;

  function flush(): void {
    if (!readerWaits || batch.length === 0) return;
    readerWaits = false;
    send(inOneBuffer(batch, bytes));
    batch = [];
    bytes = 0;
    room.wake();
  }

  async function read(): Promise<void> {
    for await (const change of store.watch(prefix, stopping.signal)) {
      batch.push(change);
      if (change.type === "put") bytes += change.entry.value.byteLength;
      // What comes in one turn of the event loop is one message.
      if (batch.length === 1) setImmediate(flush);
      if (isFull()) flush();
      while (isFull() && !stopping.signal.aborted) await room.wait(stopping.signal);
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

/** 10⁵ small buffers that one thread allocates and another frees would leave the memory in pieces. */
function inOneBuffer(changes: readonly Change[], bytes: number): Change[] {
  const all = new Uint8Array(bytes);
  let used = 0;
  return changes.map((change) => {
    if (change.type !== "put") return change;
    const { value } = change.entry;
    all.set(value, used);
    used += value.byteLength;
    return { type: "put", entry: { ...change.entry, value: all.subarray(used - value.byteLength, used) } };
  });
}
