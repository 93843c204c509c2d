import { type ChildProcess, spawn } from "node:child_process";

export interface Child extends AsyncDisposable {
  readonly name: string;
  /** How it ended: `exit code 1`, `signal SIGKILL`, or why it could not be started. Never rejects. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL for what is left after `graceMs`. Resolves when it has ended. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a program in a process group of its own, so that a Ctrl-C in the terminal reaches it only through its
 * supervisor, which stops the parts in their order.
 */
export function startChild(name: string, command: readonly string[], env: NodeJS.ProcessEnv, graceMs: number): Child {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ["ignore", "inherit", "inherit"], env });
  const ended = ending(child);
  if (child.pid !== undefined) guard(child.pid, ended);
  return {
    name,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(late);
    },
  };
}

function ending(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}

/**
 * A process that waits on a pipe: a line means that the child has ended, the end of the pipe without one that its
 * supervisor was killed, and then the child must not stay behind as an orphan.
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
