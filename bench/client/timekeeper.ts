import { parentPort, workerData } from "node:worker_threads";

export interface Timetable {
  /** Nanoseconds by `process.hrtime.bigint()`, since `performance.now()` has another origin in a worker. */
  readonly begin: bigint;
  /** Milliseconds after `begin`, ascending. */
  readonly arrivals: Float64Array;
}

const { begin, arrivals }: Timetable = workerData;
const never = new Int32Array(new SharedArrayBuffer(4));

arrivals.forEach((arrival, call) => {
  const wait = arrival - Number(process.hrtime.bigint() - begin) / 1e6;
  if (wait > 0) Atomics.wait(never, 0, 0, wait);
  parentPort?.postMessage(call);
});
