import { appendFileSync, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { workerData } from "node:worker_threads";
import { type ServedFile, serveState } from "../../../src/state-thread/serve.ts";

// The state's thread with a disk that the test holds up: a commit waits while there is a file `<state>.hold`, and leaves
// one byte in `<state>.commits`. Where there is a file `<state>.die`, the thread ends instead.
const { path } = workerData as ServedFile;
const waiting = new Int32Array(new SharedArrayBuffer(4));
const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
  if (sql === "COMMIT") {
    if (existsSync(`${path}.die`)) process.exit(1);
    while (existsSync(`${path}.hold`)) Atomics.wait(waiting, 0, 0, 5);
    appendFileSync(`${path}.commits`, "x");
  }
  exec.call(this, sql);
};
await serveState();
