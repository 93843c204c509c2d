import type { MessagePort } from "node:worker_threads";
import { endsWithin } from "../async/timeout.ts";
import { checkPrefix, type EntryWrite, type KeyValue, StateError } from "../state/keyvalue.ts";
import { received } from "./errors.ts";
import type { Call, FromState, Operations, ToState } from "./messages.ts";
import { createReceivedWatch, type ReceivedWatch } from "./received-watch.ts";

/** How long the thread may answer nothing while calls wait: they must not wait indefinitely for storage that hangs. */
const ANSWER_MS = 30_000;

/** A file that the state's thread serves at the other end of a port. */
export interface ThreadedFile {
  /** Rejects as {@link openFileKeyValue} does. */
  readonly opened: Promise<void>;
  /** Whether it was opened, and neither closed nor lost. */
  readonly isOpen: boolean;
  readonly store: KeyValue;
  /** The thread has died of `cause`: every pending and later call and every watch is UNAVAILABLE. */
  lose(cause: unknown): void;
  /** Closes the file, and waits for that at most `ms`. Every watch ends with UNAVAILABLE, which later calls throw. */
  close(ms: number): Promise<void>;
}

/** What the files of one thread have in common. */
export interface ThreadShared {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** How many messages have come from the thread, of any of its files. */
  messages: number;
}

/** A call is UNAVAILABLE while the thread has answered nothing, of any of its files, for 30 s. */
export function createThreadedFile(port: MessagePort, thread: ThreadShared): ThreadedFile {
  const send = (message: ToState): void => port.postMessage(message);
  const calls = new Map<number, PromiseWithResolvers<unknown>>();
  const watches = new Map<number, ReceivedWatch>();
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let isOpened = false;
  let ended: StateError | undefined;
  let nextId = 0;

  function end(error: StateError): void {
    if (ended !== undefined) return;
    ended = error;
    for (const { reject } of calls.values()) reject(error);
    for (const watch of watches.values()) watch.fail(error);
  }

  port.on("message", (message: FromState) => {
    thread.messages += 1;
    switch (message.type) {
      case "opened":
        isOpened = true;
        return opened.resolve();
      case "failed":
        return opened.reject(received(message.error));
      case "result":
        return calls.get(message.id)?.resolve(message.result);
      case "refused":
        return calls.get(message.id)?.reject(received(message.error));
      case "changes":
        return watches.get(message.id)?.put(message.changes);
      case "ended":
        return watches.get(message.id)?.fail(received(message.error));
    }
  });
  // It closes with the thread too.
  port.once("close", closed.resolve);

  /** The type of the result is that of the operation in `call`. */
  async function ask<Result>(call: Call): Promise<Result> {
    if (ended !== undefined) throw ended;
    const id = nextId++;
    const answer = Promise.withResolvers<unknown>();
    calls.set(id, answer);
    send({ type: "call", id, now: thread.now(), call });
    try {
      for (let before = -1; before !== thread.messages; ) {
        before = thread.messages;
        if (await endsWithin(ANSWER_MS, answer.promise)) return (await answer.promise) as Result;
      }
      throw new StateError("UNAVAILABLE", `the state's file has not answered for ${ANSWER_MS} ms`);
    } finally {
      calls.delete(id);
    }
  }

  const operations: Operations = {
    get: (key) => ask(["get", key]),
    create: (key, value, options) => ask(["create", key, compact(value), options]),
    update: (key, value, revision, options) => ask(["update", key, compact(value), revision, options]),
    writeAll: (writes) => ask(["writeAll", writes.map(compactWrite)]),
    delete: (key) => ask(["delete", key]),
    list: (prefix) => ask(["list", prefix]),
  };

  return {
    opened: opened.promise,
    get isOpen() {
      return isOpened && ended === undefined;
    },
    store: {
      ...operations,
      async *watch(prefix, signal) {
        checkPrefix(prefix);
        if (ended !== undefined) throw ended;
        const id = nextId++;
        const watch = createReceivedWatch(() => send({ type: "more", id }));
        watches.set(id, watch);
        send({ type: "watch", id, now: thread.now(), prefix });
        try {
          yield* watch.changes(signal);
        } finally {
          watches.delete(id);
          send({ type: "unwatch", id });
        }
      },
    },
    lose(cause) {
      opened.reject(cause);
      end(new StateError("UNAVAILABLE", "the state's thread has died", { cause }));
    },
    async close(ms) {
      end(new StateError("UNAVAILABLE", "the store is closed"));
      send({ type: "close" });
      await endsWithin(ms, closed.promise);
    },
  };
}

/** A copy of its own: a message takes the whole buffer, of which the value may be a small part. */
function compact(value: Uint8Array): Uint8Array {
  return Uint8Array.from(value);
}

function compactWrite(write: EntryWrite): EntryWrite {
  return { ...write, value: compact(write.value) };
}
