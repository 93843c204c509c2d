import { parentPort } from "node:worker_threads";
import type { FileToServe, FromState, ToState } from "../../src/state-thread/messages.ts";

// Opens every file. Answers each call with `undefined`, except those to `silent.db`, which it never answers.
parentPort?.on("message", ({ path, port }: FileToServe) => {
  const send = (message: FromState): void => port.postMessage(message);
  port.on("message", (message: ToState) => {
    if (message.type === "close") port.close();
    if (message.type === "call" && path !== "silent.db") send({ type: "result", id: message.id, result: undefined });
  });
  send({ type: "opened" });
});
