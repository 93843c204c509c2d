import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Freezes a process: its connections stay open, and it answers nothing. The signal takes a moment to stop all threads,
 * and on a busy machine one of them could still answer what the test sends next: it returns once all stand still.
 */
export function freeze(child: ChildProcess): void {
  child.kill("SIGSTOP");
  while (child.pid !== undefined && runs(child.pid)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** Whether a thread of the process is not stopped yet. One that has ended runs no more. */
function runs(pid: number): boolean {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder).some((thread) => !/\) [TtZX] /.test(readFileSync(`${folder}/${thread}/stat`, "latin1")));
  } catch {
    return false;
  }
}
