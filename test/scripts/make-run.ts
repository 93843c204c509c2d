import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { freePort, freePorts } from "../support/service/free-port.ts";
import { writeStub } from "./stub-path.ts";

/** The largest number of replicas that a test starts. */
const MOST_REPLICAS = 3;

/** A stand-in for the service. It is ready at once, and reports whether NATS is up when it stops. */
const STAND_IN = `
import { createServer } from "node:http";
import { connect } from "node:net";
const at = (address) => new URL(address.includes("://") ? address : "tcp://" + address);
const http = at(process.env.SIGNET_HTTP_ADDRESS);
const server = createServer((_, answer) => answer.writeHead(200).end()).listen(Number(http.port), http.hostname);
console.log("signet pid " + process.pid);
console.log("signet issues as " + process.env.SIGNET_ISSUER);
const { SIGNET_STATE_STORE, SIGNET_STATE_FIRST_START, SIGNET_KEK_CREATE, SIGNET_KEK_FILE } = process.env;
console.log("signet shares " + [SIGNET_STATE_STORE, SIGNET_STATE_FIRST_START, SIGNET_KEK_CREATE, SIGNET_KEK_FILE].join(" "));
console.log("signet uses " + (process.env.SIGNET_NATS_URL === "" ? "no server" : process.env.SIGNET_NATS_URL) + " and " + process.env.SIGNET_DATA);
console.log("signet is " + process.env.SIGNET_NATS_USER_FILE + " with " + process.env.SIGNET_NATS_PASSWORD_FILE);
process.on("SIGTERM", () => {
  const nats = at(process.env.SIGNET_NATS_URL || "none");
  const end = (state) => { console.log("signet stops, NATS is " + state); server.close(); server.closeAllConnections(); socket.destroy(); };
  const socket = connect(Number(nats.port), nats.hostname, () => end("up")).once("error", () => end("down"));
});`;

export interface Run {
  readonly child: ChildProcess;
  /** The checkout. The data folder is in it. */
  readonly root: string;
  readonly ports: { readonly grpc: number; readonly http: number; readonly nats: number };
  readonly natsUrl: string;
  /** Everything that the run and its children have printed so far. */
  output(): string;
  natsPid(): number;
  signetPid(): number;
  /** The process ids of all replicas, in the order in which they started. */
  signetPids(): number[];
  /** Resolves when the examples are printed. Rejects with the output if the run ends first. */
  ready(): Promise<void>;
  /** Resolves when the output contains the text. Rejects with the output if the run ends first. */
  printed(text: string): Promise<void>;
  /** Resolves with the exit code after all output. */
  ended(): Promise<number | null>;
}

/**
 * Starts scripts/run.ts in a checkout of its own, on free ports, with a real nats-server and a stand-in for the
 * service.
 */
export function startRun(t: ExecutionContext, env: NodeJS.ProcessEnv = {}, tools?: string): Promise<Run> {
  const root = mkdtempSync(join(tmpdir(), "signet run "));
  layOut(root, tools);
  return start(t, root, join(root, "scripts/run.ts"), env);
}

/** Starts scripts/run.ts again in the folder of a run that has ended. */
export function startRunAgain(t: ExecutionContext, { root }: Run, env: NodeJS.ProcessEnv): Promise<Run> {
  return start(t, root, join(root, "scripts/run.ts"), env);
}

/** Starts scripts/run.ts of this checkout with the real service, on free ports and with a data folder of its own. */
export function startRealRun(t: ExecutionContext, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return start(t, mkdtempSync(join(tmpdir(), "signet run ")), resolve("scripts/run.ts"), env);
}

/** Starts scripts/demo.ts of this checkout, on free ports. The folder of the run is that of its temporary files. */
export async function startDemo(
  t: ExecutionContext,
): Promise<Run & { readonly gateway: number; readonly page: number }> {
  const root = mkdtempSync(join(tmpdir(), "signet demo "));
  const [gateway, page] = [await freePort(), await freePort()];
  const run = await start(t, root, resolve("scripts/demo.ts"), {
    TMPDIR: root,
    GATEWAY_ADDRESS: `127.0.0.1:${gateway}`,
    BACKEND_ADDRESS: `127.0.0.1:${page}`,
  });
  return { ...run, gateway, page };
}

async function start(t: ExecutionContext, root: string, script: string, env: NodeJS.ProcessEnv): Promise<Run> {
  const ports = { grpc: await freePorts(MOST_REPLICAS), http: await freePorts(MOST_REPLICAS), nats: await freePort() };
  const child = spawn(process.execPath, [script], {
    env: {
      ...process.env,
      NATS_URL: "",
      PATH: `${join(root, "stubs")}:${process.env.PATH}`,
      SIGNET_DATA: join(root, "data"),
      SIGNET_GRPC_ADDRESS: `127.0.0.1:${ports.grpc}`,
      SIGNET_HTTP_ADDRESS: `127.0.0.1:${ports.http}`,
      SIGNET_NATS_URL: `nats://127.0.0.1:${ports.nats}`,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  let output = "";
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
  }
  t.teardown(async () => {
    child.kill("SIGTERM");
    await closed;
    rmSync(root, { recursive: true, force: true });
  });
  async function printed(text: string): Promise<void> {
    const seen = new Promise<void>((found) => {
      const look = () => output.includes(text) && found();
      waiting.add(look);
      look();
    });
    await Promise.race([seen, closed.then(() => Promise.reject(new Error(`it ended early:\n${output}`)))]);
  }

  return {
    child,
    root,
    ports,
    natsUrl: `nats://127.0.0.1:${ports.nats}`,
    output: () => output,
    natsPid: () => Number(readFileSync(join(root, "nats.pid"), "utf8")),
    signetPid: () => Number(/signet pid (\d+)/.exec(output)?.[1]),
    signetPids: () => Array.from(output.matchAll(/signet pid (\d+)/g), ([, pid]) => Number(pid)),
    ready: () => printed("# 3. see its audit event"),
    printed,
    async ended() {
      const [code] = await closed;
      return code as number | null;
    },
  };
}

function layOut(root: string, tools: string | undefined): void {
  for (const folder of ["scripts", "examples/nats"]) cpSync(folder, join(root, folder), { recursive: true });
  if (existsSync(".tools")) symlinkSync(resolve(".tools"), join(root, ".tools"));
  writeFileSync(
    join(root, "package.json"),
    '{ "type": "module", "scripts": { "start": "node --no-deprecation main.js" } }',
  );
  writeFileSync(join(root, "main.js"), STAND_IN);
  if (tools === undefined) wrapNats(root);
  else writeStub(join(root, "scripts"), "tools.sh", tools);
}

/** Wraps the real nats-server in a script on PATH that records its process id. */
function wrapNats(root: string): void {
  const server = execFileSync(resolve("scripts/tools.sh"), ["nats-server"], { encoding: "utf8" }).trim();
  writeStub(join(root, "stubs"), "nats-server", `echo $$ > "${root}/nats.pid"\nexec "${server}" "$@"`);
}

/** Resolves when nothing listens on the port. */
export async function silent(port: number): Promise<void> {
  while (await listens(port)) await delay(20);
}

export function listens(port: number): Promise<boolean> {
  return new Promise((found) => {
    const socket = connect(port, "127.0.0.1", () => found(true)).once("error", () => found(false));
    socket.once("connect", () => socket.destroy());
  });
}
