import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export interface Server {
  readonly name: string;
  readonly pid: number;
  /** host:port */
  readonly address: string;
  /** Sends SIGTERM and waits for the process to end. */
  stop(): Promise<void>;
}

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

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
          resolve({ name, pid: child.pid, address, stop: () => stop(child) });
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

const MICROSECONDS_PER_TICK = 10_000;

/** The user and system time of a process, in microseconds (Linux; in steps of 10 ms). */
export function cpuMicroseconds(pid: number): number {
  const afterName = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1] ?? "";
  const fields = afterName.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
}

/** The resident memory of a process, in mebibytes (Linux). */
export function residentMebibytes(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) / 1024;
}

function spawnChild([program = "", ...args]: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
