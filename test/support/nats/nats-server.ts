import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp } from "node:fs/promises";
import { createInterface } from "node:readline";
import test, { type ExecutionContext, type Implementation } from "ava";
import { tempFolder } from "../files/temp.ts";
import { findTool } from "../service/find-tool.ts";

const binary = findTool("nats-server");
const setpriv = findTool("setpriv");

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

type Register = (title: string, implementation: Implementation<[]>) => void;

/** A test that needs a real nats-server: skipped with a notice where there is none, but failing in CI. */
export const testWithNats: Register = (title, implementation) => {
  if (binary !== undefined) test(title, implementation);
  else withoutNats(title, implementation);
};

/** The same, one after the other, for tests that share a server or would need too many at once. */
export const serialTestWithNats: Register = (title, implementation) => {
  if (binary !== undefined) test.serial(title, implementation);
  else withoutNats(title, implementation);
};

/** The same, for tests of a cluster: also skipped, with a notice, where the server is too old for one. */
export const serialTestWithNatsCluster: Register = (title, implementation) => {
  const version = binary === undefined ? "" : execFileSync(binary, ["--version"], { encoding: "utf8" });
  const old = /v2\.(?:[0-8]\.|9\.(?:1?\d|20)\b)/.test(version);
  if (old) test.skip(`${title} (skipped: ${version.trim()} is too old for a cluster)`, implementation);
  else serialTestWithNats(title, implementation);
};

const withoutNats: Register = (title, implementation) => {
  if (process.env.CI) test(title, (t) => t.fail("nats-server is neither on PATH nor in .tools/bin"));
  else test.skip(`${title} (skipped: nats-server is neither on PATH nor in .tools/bin)`, implementation);
};

export interface NatsServer {
  readonly url: string;
  /** Ends the process as a crash does. */
  kill9(): Promise<void>;
  /** Starts it again on the same port, with the same store, with an empty one, or with a copy of the store. */
  restart(options?: { readonly loseStore?: boolean; readonly from?: string }): Promise<void>;
  /** A copy of the store as it is now: of a server that was killed. */
  copyStore(): Promise<string>;
  /** Stops the process in its tracks: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** A nats-server of the test's own on a loopback port; gone when the test is over. */
export async function startNats(
  t: Pick<ExecutionContext<unknown>, "teardown">,
  options: {
    readonly jetstream?: boolean;
    readonly port?: number;
    readonly store?: string;
    readonly flags?: readonly string[];
  } = {},
): Promise<NatsServer> {
  let store = options.store ?? (await tempFolder(t));
  const start = (port: number) =>
    launch(port, [...(options.jetstream === false ? [] : ["-js", "-sd", store]), ...(options.flags ?? [])]);
  let { child, port } = await start(options.port ?? -1);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  t.teardown(() => end("SIGKILL"));
  return {
    url: `nats://127.0.0.1:${port}`,
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
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    stop: () => end("SIGTERM"),
  };
}

async function launch(port: number, more: readonly string[]): Promise<{ child: ChildProcess; port: number }> {
  if (binary === undefined) throw new Error("nats-server is neither on PATH nor in .tools/bin");
  const command = [binary, "-a", "127.0.0.1", "-p", String(port), ...more];
  // The signal comes when the thread that spawned it ends: AVA's worker, so the server never outlives its test file.
  const [file, ...args] = setpriv === undefined ? command : [setpriv, "--pdeathsig", "KILL", ...command];
  const child = spawn(file ?? binary, args, { stdio: ["ignore", "ignore", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return { child, port: await ready(child) };
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
