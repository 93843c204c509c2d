import { parentPort } from "node:worker_threads";
import type { FromState, ToState } from "../../src/state-thread/messages.ts";

// Dies of the first call, without an answer.
parentPort?.on("message", (message: ToState) => {
  if (message.type === "call") throw new Error("dead");
});
parentPort?.postMessage({ type: "opened" } satisfies FromState);
