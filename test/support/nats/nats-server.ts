import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import { createInterface } from "node:readline";
import test, { type ExecutionContext, type Implementation } from "ava";
import { tempFolder } from "../files/temp.ts";
import { freeze } from "../freeze.ts";
import type { Machine } from "../network/machines.ts";
import { findTool } from "../service/find-tool.ts";
import { freePort } from "../service/free-port.ts";
import { testUnless } from "../unless-missing.ts";

const binary = findTool("nats-server");
const MISSING = "nats-server is neither on PATH nor in .tools/bin";
const missing = binary === undefined ? MISSING : undefined;
const setpriv = findTool("setpriv");

/** Of the binary. Asked once: a suite has a test for each behaviour. */
let version: string | undefined;

const THIS_MACHINE = { address: "127.0.0.1", under: [] };

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

type Register = (title: string, implementation: Implementation<[]>) => void;

/** A test that needs nats-server. Without it the test is skipped with a notice, and fails in CI. */
export const testWithNats: Register = (title, implementation) => testUnless(missing, title, implementation);

/** As {@link testWithNats}, but serial, for tests that share a server or would need too many at once. */
export const serialTestWithNats: Register = (title, implementation) =>
  testUnless(missing, title, implementation, { run: test.serial });

/** As {@link serialTestWithNats}, but with a nats-server that is new enough for a cluster. */
export const serialTestWithNatsCluster: Register = (title, implementation) => {
  version ??= binary === undefined ? "" : execFileSync(binary, ["--version"], { encoding: "utf8" });
  const isOld = /v2\.(?:[0-8]\.|9\.(?:1?\d|20)\b)/.test(version);
  const tooOld = isOld ? `${version.trim()} is too old for a cluster` : undefined;
  testUnless(missing ?? tooOld, title, implementation, { run: test.serial });
};

export interface NatsServer {
  readonly url: string;
  /** Kills the process, as a crash would. */
  kill9(): Promise<void>;
  /** Restarts the server on the same port with its store, an empty store, or a copy from {@link copyStore}. */
  restart(options?: { readonly loseStore?: boolean; readonly from?: string }): Promise<void>;
  /** Copies the store. The server must be killed first. */
  copyStore(): Promise<string>;
  /** Freezes the process: its connections stay open, and it answers nothing. */
  pause(): void;
  /** Reads its configuration file again. Resolves when it is in use. */
  reload(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

/**
 * Starts a nats-server for this test, on a port that nobody else takes while it is down, unless one is given. It is
 * killed after the test.
 */
export async function startNats(
  t: Pick<ExecutionContext<unknown>, "teardown">,
  options: {
    readonly jetstream?: boolean;
    readonly port?: number;
    readonly store?: string;
    readonly flags?: readonly string[];
    /** By default this one, on loopback. */
    readonly machine?: Pick<Machine, "address" | "under">;
  } = {},
): Promise<NatsServer> {
  const { machine = THIS_MACHINE } = options;
  let store = options.store ?? (await tempFolder(t));
  const start = (port: number) =>
    launch(machine, port, [...(options.jetstream === false ? [] : ["-js", "-sd", store]), ...(options.flags ?? [])]);
  let { child, port } = await start(options.port ?? (await freePort()));
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  t.teardown(() => end("SIGKILL"));
  return {
    url: `nats://${machine.address}:${port}`,
    kill9: () => end("SIGKILL"),
    restart: async ({ loseStore = false, from } = {}) => {
      await end("SIGKILL");
      if (loseStore) store = await tempFolder(t);
      if (from !== undefined) store = from;
      ({ child, port } = await start(port));
    },
    copyStore: async () => {
      const copy = await tempFolder(t);
      await cp(store, copy, { recursive: true });
      return copy;
    },
    pause: () => freeze(child),
    reload: () => reload(child),
    resume: () => void child.kill("SIGCONT"),
    stop: () => end("SIGTERM"),
  };
}

async function reload(child: ChildProcess): Promise<void> {
  if (child.stderr === null) throw new Error("nats-server has no stderr");
  const reader = createInterface(child.stderr);
  child.kill("SIGHUP");
  for await (const line of reader) {
    if (line.includes("Failed to reload")) throw new Error(line);
    if (line.includes("Reloaded server configuration")) break;
  }
  child.stderr.resume();
}

async function launch(
  { address, under }: Pick<Machine, "address" | "under">,
  port: number,
  more: readonly string[],
): Promise<{ child: ChildProcess; port: number }> {
  if (binary === undefined) throw new Error(MISSING);
  const command = [...under, binary, "-a", address, "-p", String(port), ...more];
  // The kernel sends the signal when the spawning thread ends, AVA's worker: the server never outlives its test file.
  const [file, ...args] = setpriv === undefined ? command : [setpriv, "--pdeathsig", "KILL", ...command];
  const child = spawn(file ?? binary, args, { stdio: ["ignore", "ignore", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  // Without a listener, a system that has no process left for it would end the whole test file.
  const failed = once(child, "error").then(([error]) => {
    throw error;
  });
  return { child, port: await Promise.race([ready(child), failed]) };
}

async function ready(child: ChildProcess): Promise<number> {
  if (child.stderr === null) throw new Error("nats-server has no stderr");
  const lines: string[] = [];
  const reader = createInterface(child.stderr);
  for await (const line of reader) {
    lines.push(line);
    if (!line.includes("Server is ready")) continue;
    child.stderr.resume();
    const listening = /Listening for client connections on .*:(\d+)/.exec(lines.join("\n"));
    return Number(listening?.[1]);
  }
  throw new Error(`nats-server did not start:\n${lines.join("\n")}`);
}
