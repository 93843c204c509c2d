import { setImmediate as turn } from "node:timers/promises";
import { type MessagePort, parentPort } from "node:worker_threads";
import { openFileKeyValue } from "../state/file.ts";
import type { KeyValue } from "../state/keyvalue.ts";
import type { LocalKeyValue } from "../state/local.ts";
import { sent } from "./errors.ts";
import type { Call, FileToServe, FromState, ToState } from "./messages.ts";
import { createSentWatch, type SentWatch } from "./sent-watch.ts";

type Send = (message: FromState) => void;

/** Serves each {@link FileToServe} that is sent to this worker thread, which lives until it is terminated. */
export function serveState(): void {
  if (parentPort === null) throw new Error("the state's thread was not started as a worker");
  parentPort.on("message", serveFile);
}

async function serveFile({ path, use, port }: FileToServe): Promise<void> {
  const send: Send = (message) => port.postMessage(message);
  const clock = { now: 0 };
  try {
    const store = await openFileKeyValue(path, () => clock.now, use);
    serve(port, send, store, clock);
    send({ type: "opened" });
  } catch (error) {
    send({ type: "failed", error: sent(error) });
    port.close();
  }
}

function serve(port: MessagePort, send: Send, store: LocalKeyValue, clock: { now: number }): void {
  const watches = new Map<number, SentWatch>();
  const waiting: ToState[] = [];
  let isServing = false;
  port.on("message", (message: ToState) => {
    waiting.push(message);
    void serveWaiting();
  });

  // One message in a turn of the event loop. Node takes a thousand of one port before the next port has its turn, and
  // each may be a transaction for which a revocation in the other file would wait.
  async function serveWaiting(): Promise<void> {
    if (isServing) return;
    isServing = true;
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      take(message);
      await turn();
    }
    isServing = false;
  }

  function take(message: ToState): unknown {
    switch (message.type) {
      case "call":
        clock.now = message.now;
        return void answer(message.id, message.call, store, send);
      case "watch": {
        const { id, prefix } = message;
        clock.now = message.now;
        watches.set(
          id,
          createSentWatch(store, prefix, (changes) => send({ type: "changes", id, changes })),
        );
        return watches.get(id)?.ended.then((error) => error && send({ type: "ended", id, error: sent(error) }));
      }
      case "more":
        return watches.get(message.id)?.more();
      case "unwatch":
        watches.get(message.id)?.stop();
        return watches.delete(message.id);
      case "close":
        store.close();
        return port.close();
    }
  }
}

async function answer(id: number, call: Call, store: KeyValue, send: Send): Promise<void> {
  try {
    send({ type: "result", id, result: await run(call, store) });
  } catch (error) {
    send({ type: "refused", id, error: sent(error) });
  }
}

function run(call: Call, store: KeyValue): Promise<unknown> {
  switch (call[0]) {
    case "get":
      return store.get(call[1]);
    case "create":
      return store.create(call[1], call[2], call[3]);
    case "update":
      return store.update(call[1], call[2], call[3], call[4]);
    case "writeAll":
      return store.writeAll(call[1]);
    case "delete":
      return store.delete(call[1]);
    case "list":
      return store.list(call[1]);
  }
}
