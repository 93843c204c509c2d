import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { Assets } from "../web/assets.ts";
import { addressOf, answer, fail, Refused, segmentsOf } from "../web/http.ts";
import { log, textOf } from "../web/log.ts";
import { connectEuler } from "./euler.ts";
import type { Gateway } from "./gateway.ts";
import { connectHivekit } from "./hivekit.ts";
import { handleHivekit } from "./hivekit-http.ts";
import { allowOrigin } from "./origins.ts";
import { handleReactive } from "./reactive.ts";
import { handleShoplive } from "./shoplive.ts";
import { shut } from "./sockets.ts";
import { handleViasocket } from "./viasocket.ts";

const GOING_AWAY = 1001;
const MOST_MESSAGE_BYTES = 16_384;

type Handle = (request: IncomingMessage, response: ServerResponse, gateway: Gateway, path: string[]) => Promise<void>;
type Connect = (socket: WebSocket, request: IncomingMessage, gateway: Gateway) => Promise<void>;

const VENDORS: ReadonlyMap<string, Handle> = new Map([
  ["hivekit", handleHivekit],
  ["reactive", handleReactive],
  ["shoplive", handleShoplive],
  ["viasocket", handleViasocket],
]);

const SOCKETS: ReadonlyMap<string, Connect> = new Map([
  ["/euler", connectEuler],
  ["/hivekit/v1/ws", connectHivekit],
]);

/** What the pages of the vendors' customers load from here. */
const assets = new Assets(join(import.meta.dirname, "assets"), {
  "/shoplive/player.css": "player.css",
  "/shoplive/shoplive.js": "shoplive.js",
  "/viasocket/prod-embedcomponent.js": "viasocket-embed.js",
});

export interface GatewayServer {
  readonly http: Server;
  /** Takes no more connections, and closes those that are open with 1001, so that clients connect elsewhere. */
  drain(): Promise<void>;
}

export function createGatewayServer(gateway: Gateway): GatewayServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES });
  const http = createServer((request, response) => void handle(request, response, gateway));
  http.on("upgrade", (request, socket, head) => upgrade(sockets, request, socket, head, gateway));
  return {
    http,
    async drain() {
      const closed = new Promise((resolve) => http.close(resolve));
      for (const socket of sockets.clients) shut(socket, GOING_AWAY, "the gateway is stopping");
      http.closeIdleConnections();
      await closed;
    },
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, gateway: Gateway): Promise<void> {
  const path = addressOf(request).pathname;
  const [, vendor = ""] = path.split("/");
  allowOrigin(request, response, gateway.origins);
  try {
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    if (path === "/livez") return answer(response, 200, { sessions: gateway.sessions.size });
    if (await assets.answer(path, response)) return;
    const handleVendor = VENDORS.get(vendor);
    if (handleVendor === undefined) throw new Refused(404, "not found");
    await handleVendor(request, response, gateway, segmentsOf(path).slice(1));
  } catch (error) {
    fail(response, vendor, error);
  }
}

function upgrade(
  sockets: WebSocketServer,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  gateway: Gateway,
): void {
  const connect = SOCKETS.get(addressOf(request).pathname);
  if (connect === undefined) {
    // The client may have gone already.
    socket.on("error", () => undefined);
    socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", (error) => log("socket error", { problem: textOf(error) }));
    void connect(client, request, gateway);
  });
}
