import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext, type Implementation } from "ava";
import { tempFolder } from "../files/temp.ts";
import { waitUntil } from "../wait-until.ts";
import { findTool } from "./find-tool.ts";
import { freePort } from "./free-port.ts";

const binary = findTool("centrifugo");
const MISSING = "centrifugo is neither on PATH nor in .tools/bin; with Go scripts/tools.sh centrifugo builds it";

/** A test that needs Centrifugo's own server, which takes Go minutes to build. Without it the test is skipped. */
export function testWithCentrifugo(title: string, implementation: Implementation<[]>): void {
  if (binary === undefined) test.skip(`${title} (skipped: ${MISSING})`, implementation);
  else test(title, implementation);
}

/** What the server answers to a client that connects. */
interface ConnectReply {
  /** The channels that the client got. */
  readonly channels?: readonly string[];
  /** The code with which the server closed the connection instead. */
  readonly closed?: number;
}

/** Connects with a token, in Centrifugo's JSON protocol. */
export type ConnectToCentrifugo = (token: string) => Promise<ConnectReply>;

/** Starts Centrifugo with this secret on loopback ports. It is killed after the test. */
export async function startCentrifugo(t: ExecutionContext, secret: string): Promise<ConnectToCentrifugo> {
  if (binary === undefined) throw new Error(MISSING);
  const port = await freePort();
  const config = join(await tempFolder(t), "config.json");
  const http_server = { address: "127.0.0.1", port };
  const client = { token: { hmac_secret_key: secret }, allowed_origins: ["*"] };
  await writeFile(config, JSON.stringify({ http_server, client, health: { enabled: true } }));
  const child = spawn(binary, ["--config", config], { stdio: "ignore" });
  const exited = once(child, "exit");
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const isHealthy = async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  await waitUntil("Centrifugo is healthy", () => isHealthy().catch(() => false));
  return (token) => connect(`ws://127.0.0.1:${port}/connection/websocket`, token);
}

async function connect(url: string, token: string): Promise<ConnectReply> {
  const socket = new WebSocket(url);
  const reply = Promise.withResolvers<ConnectReply>();
  socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, connect: { token } })));
  socket.addEventListener("message", ({ data }) => {
    const { connect: accepted } = JSON.parse(data);
    if (accepted !== undefined) reply.resolve({ channels: Object.keys(accepted.subs ?? {}) });
  });
  socket.addEventListener("close", ({ code }) => reply.resolve({ closed: code }));
  socket.addEventListener("error", () => reply.reject(new Error("the connection to Centrifugo failed")));
  return reply.promise.finally(() => socket.close());
}
