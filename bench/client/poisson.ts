import { Worker } from "node:worker_threads";
import { quantile } from "../statistics.ts";
import { type Connection, openConnection } from "./connection.ts";
import { type Job, readJob, readMessages } from "./job.ts";
import type { Timetable } from "./timekeeper.ts";

export interface PoissonJob extends Job {
  /** Calls per second. */
  readonly rate: number;
  readonly seed: number;
}

/** All times in milliseconds. */
export interface PoissonResult {
  /** Includes the calls of the warm-up. */
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
  /**
   * The 99th percentile of how late this client sent its calls, which is part of the latencies but not the server's.
   */
  readonly lateness: number;
}

/** The time that the timekeeper has to start. */
const LEAD_MS = 200;
/** Calls in this time are sent and checked but not measured, since the client's own code is still being compiled. */
const WARM_UP_MS = 500;

const job = readJob<PoissonJob>();
const messages = readMessages(job);
const arrivals = poissonArrivals(job);
const latencies: number[] = [];
const lateness: number[] = [];
const connections: Connection[] = [];
let answered = 0;

for (let i = 0; i < job.connections; i++) {
  connections.push(await openConnection(job, onAnswer));
}
const begin = performance.now() + LEAD_MS;
const timetable: Timetable = { begin: process.hrtime.bigint() + BigInt(LEAD_MS * 1e6), arrivals };
const timekeeper = new Worker(new URL("./timekeeper.ts", import.meta.url), { workerData: timetable });
timekeeper.on("message", (call: number) => {
  const planned = arrivals[call] ?? 0;
  if (planned >= WARM_UP_MS) lateness.push(performance.now() - begin - planned);
  const message = messages[call % messages.length];
  if (message) connections[call % connections.length]?.send(call, message);
});

/** Measures from the planned time of a call, not from its sending, so that a stall counts for every call it delays. */
function onAnswer(call: number, at: number): void {
  const planned = arrivals[call] ?? 0;
  if (planned >= WARM_UP_MS) latencies.push(at - begin - planned);
  answered++;
  if (answered < arrivals.length) return;
  for (const connection of connections) connection.close();
  const result: PoissonResult = {
    calls: answered,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    lateness: quantile(lateness, 0.99),
  };
  process.stdout.write(JSON.stringify(result));
}

/** Arrival times in milliseconds, ascending. */
function poissonArrivals({ rate, seconds, seed }: PoissonJob): Float64Array {
  const random = mulberry32(seed);
  const times = new Float64Array(Math.ceil(rate * (seconds + WARM_UP_MS / 1000)));
  for (let i = 1; i < times.length; i++) times[i] = (times[i - 1] ?? 0) - (Math.log(1 - random()) / rate) * 1000;
  return times;
}

/** A generator of uniform numbers in [0, 1), the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
