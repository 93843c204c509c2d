/** Ends the whole process as a crash does, from any of its threads. */
export function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("alive after SIGKILL");
}
