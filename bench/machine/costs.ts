import { once } from "node:events";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { quantile } from "../statistics.ts";

/** Milliseconds. */
interface Cost {
  readonly p50: number;
  readonly p99: number;
}

/** What the machine takes for the two steps that make an event durable, each alone on the line. */
export interface Costs {
  /** An append of 300 bytes, about an event, with its `fdatasync`. */
  readonly sync: Cost;
  /** From one thread to another, by `postMessage`: half of the way there and back. */
  readonly hop: Cost;
}

const TIMES = 200;
const EVENT = Buffer.alloc(300, 32);
/** As between calls at 200 a second: what sleeps takes longer than what is awake. */
const PAUSE_MS = 5;
/** Space that is written ahead, as the spool does it: then a sync has no metadata to write. */
const AHEAD = Buffer.alloc(TIMES * EVENT.length);

export async function measureCosts(folder: string): Promise<Costs> {
  return { sync: await measureSync(join(folder, "sync")), hop: await measureHop() };
}

async function measureSync(path: string): Promise<Cost> {
  const file = openSync(path, "w");
  try {
    writeSync(file, AHEAD, 0, AHEAD.length, 0);
    fdatasyncSync(file);
    return await repeatedly((time) => {
      writeSync(file, EVENT, 0, EVENT.length, time * EVENT.length);
      fdatasyncSync(file);
    });
  } finally {
    closeSync(file);
  }
}

async function measureHop(): Promise<Cost> {
  const worker = new Worker(new URL("./echo-thread.ts", import.meta.url));
  try {
    const { p50, p99 } = await repeatedly(async (time) => {
      worker.postMessage(time);
      await once(worker, "message");
    });
    return { p50: p50 / 2, p99: p99 / 2 };
  } finally {
    await worker.terminate();
  }
}

async function repeatedly(step: (time: number) => unknown): Promise<Cost> {
  const times: number[] = [];
  // The first one waits for the start of a thread, or finds nothing compiled.
  await step(0);
  for (let time = 0; time < TIMES; time++) {
    await delay(PAUSE_MS);
    const begin = performance.now();
    await step(time);
    times.push(performance.now() - begin);
  }
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}
