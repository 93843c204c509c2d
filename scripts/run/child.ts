import { type ChildProcess, spawn } from "node:child_process";

export interface Child extends AsyncDisposable {
  readonly name: string;
  /** Resolves with `exit code 1`, `signal SIGKILL`, or why the program could not be started. Never rejects. */
  readonly ended: Promise<string>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Resolves when the process has ended. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a program in a process group of its own. Ctrl-C in the terminal then reaches only `make run`, which stops its
 * children in order.
 */
export function startChild(name: string, command: readonly string[], env: NodeJS.ProcessEnv, graceMs: number): Child {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ["ignore", "inherit", "inherit"], env });
  const ended = endOf(child);
  if (child.pid !== undefined) guard(child.pid, ended);
  return {
    name,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const deadline = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(deadline);
    },
  };
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}

/**
 * Starts a watcher that reads a pipe from this process. A line on the pipe means that the child has ended. A pipe that
 * closes without a line means that this process was killed: the watcher then kills the child, which would be orphaned.
 */
function guard(pid: number, ended: Promise<string>): void {
  const script = 'read -r line || kill -s KILL -- "-$1"';
  const watcher = spawn("sh", ["-c", script, "guard", String(pid)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.stdin.on("error", () => undefined);
  void ended.then(() => watcher.stdin.end("ended\n"));
}
