import type { ChildProcess } from "node:child_process";

/** Gives a process its whole input. One that ends before it has read that is judged by its exit code, not by EPIPE. */
export function giveInput({ stdin }: Pick<ChildProcess, "stdin">, input: string): void {
  stdin?.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  stdin?.end(input);
}
