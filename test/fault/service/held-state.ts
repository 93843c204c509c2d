import { appendFileSync, existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { serveState } from "../../../src/state-thread/serve.ts";

// The state's thread with a disk that the test holds up: a commit waits while there is a file `<file>.hold`, says so with
// a file `<file>.held`, and leaves one byte in `<file>.commits`. Where there is a file `<file>.die`, the thread ends
// instead.
const waiting = new Int32Array(new SharedArrayBuffer(4));
const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
  if (sql === "COMMIT") {
    const file = this.location();
    if (existsSync(`${file}.die`)) process.exit(1);
    if (existsSync(`${file}.hold`)) appendFileSync(`${file}.held`, "x");
    while (existsSync(`${file}.hold`)) Atomics.wait(waiting, 0, 0, 5);
    appendFileSync(`${file}.commits`, "x");
  }
  exec.call(this, sql);
};
serveState();
