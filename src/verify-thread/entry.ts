import { parentPort } from "node:worker_threads";
import { memoryOf, readBatch } from "../audit/verify/batch.ts";

parentPort?.on("message", (chunk: Uint8Array) => {
  const batch = readBatch(chunk);
  parentPort?.postMessage(batch, memoryOf(batch));
});
