import { Worker } from "node:worker_threads";
import { endsWithin } from "../async/timeout.ts";
import { type FileUse, STATE_FILE } from "../state/file.ts";
import { checkPrefix, type EntryWrite, type KeyValue, StateError } from "../state/keyvalue.ts";
import { received } from "./errors.ts";
import type { Call, FromState, Operations, ToState } from "./messages.ts";
import { createReceivedWatch, type ReceivedWatch } from "./received-watch.ts";
import type { ServedFile } from "./serve.ts";

/** The entry point of the thread. */
export const STATE_THREAD = new URL(import.meta.resolve("#state-thread"));

/** How long the thread may answer nothing while calls wait: they must not wait indefinitely for storage that hangs. */
const ANSWER_MS = 30_000;

/** The thread reads rows one by one and keeps none: a large young generation would only fill with garbage. */
const LIMITS = { maxYoungGenerationSizeMb: 4 };

/** A store whose file only its own thread touches. */
export interface ThreadedKeyValue extends KeyValue {
  /** Closes the file within `ms`. Every watch ends with UNAVAILABLE, which every later call throws too. */
  close(ms: number): Promise<void>;
}

/**
 * Opens the store in the file at `path` in a thread of its own, so that no sync of it takes time from the thread that
 * answers calls. `now` in Unix milliseconds.
 *
 * Rejects as {@link openFileKeyValue} does. When the thread dies later, `onDeath` is called once, and every pending and
 * later call and every watch is UNAVAILABLE. So is a call while the thread has answered nothing for 30 s.
 */
export async function startStateThread(
  path: string,
  now: () => number,
  onDeath: (error: unknown) => void,
  program: URL = STATE_THREAD,
  use: FileUse = STATE_FILE,
): Promise<ThreadedKeyValue> {
  const workerData: ServedFile = { path, use };
  const worker = new Worker(program, { workerData, resourceLimits: LIMITS });
  const send = (message: ToState): void => worker.postMessage(message);
  const calls = new Map<number, PromiseWithResolvers<unknown>>();
  const watches = new Map<number, ReceivedWatch>();
  const opened = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let running = false;
  let ended: StateError | undefined;
  let nextId = 0;
  let messages = 0;

  function end(error: StateError): void {
    if (ended !== undefined) return;
    ended = error;
    for (const { reject } of calls.values()) reject(error);
    for (const watch of watches.values()) watch.fail(error);
  }

  function die(cause: unknown): void {
    opened.reject(cause);
    if (!running || ended !== undefined) return;
    end(new StateError("UNAVAILABLE", "the state's thread has died", { cause }));
    onDeath(cause);
  }

  worker.on("message", (message: FromState) => {
    messages += 1;
    switch (message.type) {
      case "opened":
        running = true;
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
  worker.once("error", die);
  worker.once("exit", () => {
    die(new Error("the state's thread has ended"));
    exited.resolve();
  });
  await opened.promise;

  /** The type of the result is that of the operation in `call`. */
  async function ask<Result>(call: Call): Promise<Result> {
    if (ended !== undefined) throw ended;
    const id = nextId++;
    const answer = Promise.withResolvers<unknown>();
    calls.set(id, answer);
    send({ type: "call", id, now: now(), call });
    try {
      for (let before = -1; before !== messages; ) {
        before = messages;
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
    ...operations,
    async *watch(prefix, signal) {
      checkPrefix(prefix);
      if (ended !== undefined) throw ended;
      const id = nextId++;
      const watch = createReceivedWatch(() => send({ type: "more", id }));
      watches.set(id, watch);
      send({ type: "watch", id, now: now(), prefix });
      try {
        yield* watch.changes(signal);
      } finally {
        watches.delete(id);
        send({ type: "unwatch", id });
      }
    },
    async close(ms) {
      end(new StateError("UNAVAILABLE", "the store is closed"));
      send({ type: "close" });
      // Not awaited: the thread ends only when its running storage operations have ended.
      if (!(await endsWithin(ms, exited.promise))) void worker.terminate();
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
