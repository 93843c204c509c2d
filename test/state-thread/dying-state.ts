import { parentPort } from "node:worker_threads";
import type { FileToServe, FromState, ToState } from "../../src/state-thread/messages.ts";

// Opens every file. Dies, without an answer, of `deadly.db` and of the first call.
parentPort?.on("message", ({ path, port }: FileToServe) => {
  if (path === "deadly.db") throw new Error("dead");
  port.on("message", (message: ToState) => {
    if (message.type === "call") throw new Error("dead");
  });
  port.postMessage({ type: "opened" } satisfies FromState);
});
