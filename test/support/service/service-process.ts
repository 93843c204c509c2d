import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import packageJson from "../../../package.json" with { type: "json" };
import { recordShown } from "../leaks/record.ts";
import { recordData, recordMetrics } from "../leaks/service.ts";
import { processEnv, testEnv } from "./service.ts";
import type { Ending } from "./shared.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/** Node, with the environment and the flags with which the service is started. */
const START = packageJson.scripts.start.split(" ").slice(0, -2);
const NODE = ["/usr/bin/env", ...START.map((word) => (word === "node" ? process.execPath : word))];

/** One line of the service's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly grpc: string;
  readonly http: string;
  /** Every line logged so far. */
  readonly log: readonly LogLine[];
  kill9(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts the service in a process of its own: `src/main.ts serve`, or another program with the same log. Resolves when
 * it has logged the event `until`. The process is killed after the test.
 */
export async function spawnService(
  t: Ending,
  options: {
    data: string;
    env?: Record<string, string>;
    program?: string;
    args?: readonly string[];
    /** A command that runs the service as its arguments say, e.g. as another user. */
    under?: readonly string[];
    /** An open file, which becomes descriptor 3. */
    fd?: number;
    until?: "listening";
  },
): Promise<ServiceProcess> {
  const { data, env, program = MAIN, args = ["serve"], under = [], fd, until = "ready" } = options;
  const settings = testEnv(data, { SIGNET_LOG_LEVEL: "info", ...env });
  const [command = "", ...words] = [...under, ...NODE, program, ...args];
  const child = spawn(command, words, {
    env: { ...processEnv(), ...settings },
    stdio: ["ignore", "pipe", "pipe", ...(fd === undefined ? [] : [fd])],
  });
  t.teardown(async () => {
    await end(child, "SIGKILL");
    await recordData(data, settings.SIGNET_KEK_FILE);
  });
  const errors: string[] = [];
  child.stderr?.on("data", (text) => errors.push(String(text)));
  for (const output of [child.stdout, child.stderr]) output?.on("data", (text) => recordShown("logs", text));
  const log: LogLine[] = [];
  const ready = await new Promise<LogLine>((resolve, reject) => {
    child.once("close", (code) => reject(new Error(`the service ended with ${code}: ${errors.join("")}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const entry = JSON.parse(line) as LogLine;
      log.push(entry);
      if (entry.event === until) resolve(entry);
    });
  });
  return {
    child,
    grpc: String(ready.grpc),
    http: String(ready.http),
    log,
    kill9: async () => void (await end(child, "SIGKILL")),
    stop: async () => {
      await recordMetrics(`http://${ready.http}`);
      return end(child, "SIGTERM");
    },
  };
}

/** The exit code and standard error of a service that must not start. */
export async function refusedStart(
  t: Ending,
  options: Parameters<typeof spawnService>[1],
): Promise<{ code: number; text: string }> {
  const outcome = await spawnService(t, options).then(
    () => "it started",
    (error: Error) => error.message,
  );
  const [, code, text = outcome] = /^the service ended with (\d+): (.*)$/s.exec(outcome) ?? [];
  return { code: Number(code), text };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
  return child.exitCode;
}
