import { parentPort } from "node:worker_threads";
import type { Spin } from "./quiet.ts";

const TURNS = 60_000_000;

const cpuBefore = process.threadCpuUsage();
const begin = performance.now();
let state = 1;
for (let turn = 0; turn < TURNS; turn++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
const wall = performance.now() - begin;
const { user, system } = process.threadCpuUsage(cpuBefore);
// The result is part of the message, so that the loop is not optimised away.
parentPort?.postMessage({ wall, cpu: (user + system) / 1000, state } satisfies Spin & { state: number });
