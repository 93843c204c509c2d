import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

// Preloaded into each thread of `signet audit close`, which is killed at the step DIE_AT. The first one is just before
// the last event of the log is written, or with STEPS=all the first of the process.

const { DIE_AT, STEPS } = process.env;
const COUNT = "steps of signet audit close";
if (isMainThread) setEnvironmentData(COUNT, new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)));
const steps = getEnvironmentData(COUNT) as unknown as Int32Array;

/** A change is about to be made. */
function step(isFirst = false): void {
  if (!isFirst && STEPS !== "all" && Atomics.load(steps, 0) === 0) return;
  if (Atomics.add(steps, 0, 1) + 1 === Number(DIE_AT)) process.kill(process.pid, "SIGKILL");
}

type Operation = (...args: unknown[]) => unknown;

function watch(holder: object, names: readonly string[], isStep: (args: readonly unknown[]) => boolean): void {
  const operations = holder as Record<string, Operation>;
  for (const name of names) {
    const operation = operations[name];
    if (operation === undefined) throw new Error(`there is no ${name}`);
    operations[name] = function (this: unknown, ...args: unknown[]) {
      if (!isStep(args)) return operation.apply(this, args);
      step(args.some(isLastEvent));
      return operation.apply(this, args);
    };
  }
}

function holds(bytes: unknown, text: string): boolean {
  return bytes instanceof Uint8Array && Buffer.from(bytes).includes(text);
}

function isLastEvent(bytes: unknown): boolean {
  return holds(bytes, '"writerClosed"');
}

// A file that is written beside another one changes nothing before it is renamed.
watch(fs.promises, ["rename", "rm"], () => true);
watch(fs, ["fdatasyncSync"], () => true);
watch(fs, ["writeSync"], ([, bytes]) => isLastEvent(bytes));
syncBuiltinESMExports();
watch(Socket.prototype, ["write"], ([bytes]) => holds(bytes, "PUB "));
