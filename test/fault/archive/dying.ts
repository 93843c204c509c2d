import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";

// Preloaded into `signet audit archive`: an hour later, so that all has settled, and killed at the step DIE_AT.

const now = Date.now;
Date.now = () => now() + 3_600_000;

const dieAt = Number(process.env.DIE_AT);
let steps = 0;

/** A change is about to be made, or was made. */
function step(): void {
  steps += 1;
  if (steps === dieAt) process.kill(process.pid, "SIGKILL");
}

type Operation = (...args: unknown[]) => unknown;

function watch(holder: object, names: readonly string[]): void {
  const operations = holder as Record<string, Operation>;
  for (const name of names) {
    const operation = operations[name];
    if (operation === undefined) throw new Error(`there is no ${name}`);
    operations[name] = function (this: unknown, ...args: unknown[]) {
      step();
      return operation.apply(this, args);
    };
  }
}

const handle = await fs.promises.open(process.execPath);
watch(Object.getPrototypeOf(handle), ["writeFile", "sync", "truncate"]);
await handle.close();
watch(fs.promises, ["open", "link", "unlink", "rm"]);
syncBuiltinESMExports();

const write = Socket.prototype.write as Operation;
Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
  const isPurge = Buffer.from(args[0] as Uint8Array).includes("STREAM.PURGE");
  if (isPurge) step();
  const written = write.apply(this, args);
  if (isPurge) step();
  return written;
} as typeof Socket.prototype.write;
