import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { HANGS_MS } from "./bounded.ts";

/**
 * Freezes a process: its connections stay open, and it answers nothing. The signal takes a moment to stop all threads,
 * and on a busy machine one of them could still answer what the test sends next: it returns once all stand still.
 */
export function freeze(child: ChildProcess): void {
  child.kill("SIGSTOP");
  const until = Date.now() + HANGS_MS;
  while (child.pid !== undefined && threadsOf(child.pid).some(runs)) {
    if (Date.now() > until) throw new Error(`process ${child.pid} does not stand still within ${HANGS_MS} ms`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

/** None of a process that has ended. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/stat`);
  } catch {
    return [];
  }
}

/** Whether a thread is not stopped yet. One that has ended runs no more. */
function runs(stat: string): boolean {
  try {
    return !/\) [TtZX] /.test(readFileSync(stat, "latin1"));
  } catch {
    return false;
  }
}
