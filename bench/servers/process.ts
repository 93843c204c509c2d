import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TlsFiles } from "../client/job.ts";

export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** host:port */
  readonly address: string;
  /** How a client proves itself. Without it the server is plaintext. */
  readonly tls?: TlsFiles | undefined;
  /** Sends SIGTERM and waits for the process to end. */
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** The command on one core alone, if one is given. */
export function pinned(command: readonly string[], core: number | undefined): readonly string[] {
  return core === undefined ? command : ["taskset", "--cpu-list", `${core}`, ...command];
}

/**
 * Starts a program and resolves when `addressIn` finds the address in a line of its output. Rejects if it ends first.
 */
export function startServer(
  name: string,
  command: readonly string[],
  addressIn: (line: string) => string | undefined,
): Promise<Server> {
  const child = spawnChild(command);
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    for (const input of [child.stdout, child.stderr]) {
      if (!input) continue;
      createInterface({ input }).on("line", (line) => {
        if (lines.length < 50) lines.push(line);
        const address = addressIn(line);
        if (address !== undefined && child.pid !== undefined) {
          resolve({ name, pid: child.pid, address, stop: () => stop(child), [Symbol.asyncDispose]: () => stop(child) });
        }
      });
    }
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`${name} exited with ${code}:\n${lines.join("\n")}`)));
  });
}

/** Runs a program and resolves with its standard output. Rejects with its standard error if the exit code is not 0. */
export async function run(command: readonly string[]): Promise<string> {
  const child = spawnChild(command);
  let output = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command.join(" ")} exited with ${code}:\n${errors}`);
  return output;
}

/** Runs a program, and resolves with its seconds: those of the clock, and of the CPU, user and system. */
export async function runTimed(command: readonly string[]): Promise<{ readonly wall: number; readonly cpu: number }> {
  const script = 'TIMEFORMAT="%R %U %S"; { time "$@" >/dev/null; } 2>&1';
  const times = await run(["bash", "-c", script, "bash", ...command]);
  const [wall = 0, user = 0, system = 0] = times.split(" ").map(Number);
  return { wall, cpu: user + system };
}

export function spawnChild([program = "", ...args]: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
