import { tempFolder } from "./files/temp.ts";
import type { ExampleProcess } from "./gateway.ts";
import { startBackend, startGateway } from "./gateway.ts";
import { recordToken } from "./leaks/record.ts";
import { freePort } from "./service/free-port.ts";
import { get } from "./service/get.ts";
import { type RemoteService, startRemote } from "./service/remote-service.ts";
import type { Ending } from "./service/shared.ts";
import { waitUntil } from "./wait-until.ts";

/** A service, the example gateway and the example backend, each in a process of its own. */
export interface Vendors {
  readonly service: RemoteService;
  readonly gateway: ExampleProcess;
  readonly backend: ExampleProcess;
  /** Gets a token of a vendor from the backend. */
  token(vendor: string, wishes?: Readonly<Record<string, unknown>>): Promise<{ token: string; tokenId: string }>;
  /** Revokes a token through the backend. */
  revoke(vendor: string, tokenId: string): Promise<void>;
}

/** Starts all three. They end after the test. `env` is that of the gateway, which the backend's page may use. */
export async function startVendors(
  t: Ending,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly serviceEnv?: Record<string, string>;
    readonly backendEnv?: Readonly<Record<string, string>>;
  } = {},
): Promise<Vendors> {
  const { env = {}, serviceEnv = {}, backendEnv = {} } = options;
  const service = await startRemote(t, { data: await tempFolder(t), env: serviceEnv });
  const signet = service.process.grpc;
  const page = `127.0.0.1:${await freePort()}`;
  const gateway = await startGateway(t, { signet, env: { GATEWAY_ORIGINS: `http://${page}`, ...env } });
  const backend = await startBackend(t, {
    signet,
    gateway: gateway.url,
    env: { BACKEND_ADDRESS: page, ...backendEnv },
  });
  return {
    service,
    gateway,
    backend,
    async token(vendor, wishes = {}) {
      const issued = (await ask(`${backend.url}/api/${vendor}/token`, wishes)) as { token: string; tokenId: string };
      recordToken(issued.token);
      return issued;
    },
    revoke: async (vendor, tokenId) => void (await ask(`${backend.url}/api/${vendor}/revoke`, { tokenId })),
  };
}

async function ask(url: string, body: unknown): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const response = await get(url, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

/** How a socket was closed. */
interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A WebSocket that keeps what it received. */
export interface TestSocket {
  readonly received: readonly unknown[];
  readonly closed: Promise<Closed>;
  send(text: string): void;
  close(): void;
  /** The next message that fits, of those that were not returned yet. Rejects when the socket closes first. */
  next(fits?: (message: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
}

/** Connects to a path of the gateway. Resolves when the socket is open, which says nothing about a token. */
export async function openSocket(t: Ending, gateway: ExampleProcess, path: string): Promise<TestSocket> {
  const socket = new WebSocket(`${gateway.url.replace(/^http/, "ws")}${path}`);
  t.teardown(() => socket.close());
  const received: Record<string, unknown>[] = [];
  let isClosed = false;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data));
    received.push(...(Array.isArray(message) ? message : [message]));
  });
  const closed = new Promise<Closed>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => {
      isClosed = true;
      resolve({ code, reason });
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`no WebSocket at ${path.split("?")[0]}`)));
  });
  let returned = 0;
  return {
    received,
    closed,
    send: (text) => socket.send(text),
    close: () => socket.close(),
    async next(fits = () => true) {
      const find = () => received.findIndex((message, at) => at >= returned && fits(message));
      await waitUntil("a message arrives", () => find() >= 0 || isClosed);
      const found = received[find()];
      if (found === undefined) throw new Error(`the socket closed first: ${JSON.stringify(await closed)}`);
      returned = received.indexOf(found) + 1;
      return found;
    },
  };
}

/** Connects for the events of a creator, as Euler Stream's page shows. */
export function openEuler(t: Ending, gateway: ExampleProcess, query: Readonly<Record<string, string>>) {
  return openSocket(t, gateway, `/euler?${new URLSearchParams(query)}`);
}
