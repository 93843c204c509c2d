import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freeze } from "./freeze.ts";
import { recordShown } from "./leaks/record.ts";
import { processEnv } from "./service/service.ts";
import type { Ending } from "./service/shared.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "examples", "gateway");

/** A line of the log of an example. */
type Line = Readonly<Record<string, unknown>> & { readonly event: string };

/** A process of `examples/gateway`. */
export interface ExampleProcess {
  readonly child: ChildProcess;
  /** Such as `http://127.0.0.1:8090`. */
  readonly url: string;
  /** Every line logged so far. */
  readonly log: readonly Line[];
  kill9(): Promise<void>;
  /** Freezes the process: its connections stay open, and it answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGTERM: the gateway drains. Resolves with the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts the example gateway against a service, on a random port of loopback. Resolves when it listens: it has then
 * tried once to take its lease. It is killed after the test.
 */
export function startGateway(
  t: Ending,
  options: {
    /** The gRPC address of the service. */
    readonly signet: string;
    /** Such as GATEWAY_ID, GATEWAY_LEASE_SECONDS, GATEWAY_ORIGINS and HIVEKIT_TENANT. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<ExampleProcess> {
  const env = { GATEWAY_ADDRESS: "127.0.0.1:0", SIGNET_ADDRESS: options.signet, ...options.env };
  return start(t, "gateway/main.ts", env);
}

/** Starts the example backend with its page. It imports a fresh secret for each vendor that shares one. */
export function startBackend(
  t: Ending,
  options: { readonly signet: string; readonly gateway: string; readonly env?: Readonly<Record<string, string>> },
): Promise<ExampleProcess> {
  const { signet, gateway, env } = options;
  return start(t, "backend/main.ts", {
    BACKEND_ADDRESS: "127.0.0.1:0",
    SIGNET_ADDRESS: signet,
    GATEWAY_URL: gateway,
    ...env,
  });
}

async function start(t: Ending, program: string, env: Readonly<Record<string, string>>): Promise<ExampleProcess> {
  if (!existsSync(join(FOLDER, "node_modules")))
    throw new Error("examples/gateway is not installed: scripts/install.sh");
  const child = spawn(process.execPath, [program], {
    cwd: FOLDER,
    env: { ...processEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.teardown(() => end(child, "SIGKILL"));
  const errors: string[] = [];
  child.stderr?.on("data", (text) => errors.push(String(text)));
  for (const output of [child.stdout, child.stderr]) output?.on("data", (text) => recordShown("logs", text));
  const log: Line[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    child.once("close", (code) => reject(new Error(`${program} ended with ${code}: ${errors.join("")}`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      log.push(line);
      if (line.event === "listening") resolve(String(line.url));
    });
  });
  return {
    child,
    url,
    log,
    kill9: async () => void (await end(child, "SIGKILL")),
    pause: () => freeze(child),
    resume: () => void child.kill("SIGCONT"),
    stop: () => end(child, "SIGTERM"),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
  return child.exitCode;
}
