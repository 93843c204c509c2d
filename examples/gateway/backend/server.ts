import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import type { Signet } from "../signet/client.ts";
import { Assets } from "../web/assets.ts";
import { addressOf, answer, fail, mediaTypeOf, objectIn, Refused, readBody } from "../web/http.ts";
import type { AuditEvents } from "./audit-events.ts";
import type { Operator } from "./operator.ts";
import { provision, VENDORS } from "./provision.ts";

export interface Backend {
  readonly signet: Pick<Signet, "issueToken">;
  readonly operator: Operator;
  /** Undefined without NATS. */
  readonly events: AuditEvents | undefined;
  /** The origin of the gateway, such as `http://127.0.0.1:8090`. */
  readonly gateway: string;
}

const MODULES = ["app", "audit", "card", "euler", "hivekit", "reactive", "shoplive", "viasocket"];

const assets = new Assets(join(import.meta.dirname, "page"), {
  "/": "index.html",
  "/style.css": "style.css",
  "/icon.svg": "icon.svg",
  ...Object.fromEntries(MODULES.map((name) => [`/${name}.js`, `${name}.js`])),
});

/** The customers' backend, with the page that uses it. */
export function createBackendServer(backend: Backend): Server {
  const policy = contentSecurityPolicy(backend.gateway);
  return createServer((request, response) => void handle(request, response, backend, policy));
}

/** Nothing inline, and nothing from elsewhere but what the vendors' pages load from the gateway. */
function contentSecurityPolicy(gateway: string): string {
  const socket = gateway.replace(/^http/, "ws");
  return [
    "default-src 'none'",
    `script-src 'self' ${gateway}`,
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${gateway} ${socket}`,
    `frame-src ${gateway}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

async function handle(request: IncomingMessage, response: ServerResponse, backend: Backend, policy: string) {
  try {
    refuseForeign(request);
    const { pathname } = addressOf(request);
    const headers = { "content-security-policy": policy, "referrer-policy": "no-referrer" };
    if (request.method === "POST") answer(response, 200, await post(pathname, request, backend));
    else if (pathname === "/api/settings")
      answer(response, 200, { gateway: backend.gateway, hasEvents: backend.events !== undefined });
    else if (pathname === "/api/events" && backend.events) backend.events.stream(response);
    else if (!(await assets.answer(pathname, response, headers))) throw new Refused(404, "not found");
  } catch (error) {
    if (isRefusedBySignet(error)) answer(response, 400, { error: error.details });
    else fail(response, "backend", error);
  }
}

/**
 * Another page must not use this backend: not by its own requests (Origin), and not by a name of its own that leads to
 * this machine (Host).
 */
function refuseForeign({ headers, socket }: IncomingMessage): void {
  const port = String(socket.localPort);
  const hosts = ["127.0.0.1", "[::1]", "localhost"].map((host) => `${host}:${port}`);
  if (!hosts.includes(headers.host ?? "")) throw new Refused(403, "the host is not this one");
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
    throw new Refused(403, "the page is another one");
}

/** `/api/VENDOR/token`, `/api/VENDOR/rotate` and `/api/VENDOR/revoke`. */
async function post(path: string, request: IncomingMessage, { signet, operator }: Backend): Promise<unknown> {
  const [, api, vendor = "", action] = path.split("/");
  if (api !== "api" || !VENDORS.includes(vendor)) throw new Refused(404, "not found");
  if (mediaTypeOf(request) !== "application/json") throw new Refused(415, "the body must be JSON");
  const wishes = objectIn(await readBody(request));
  if (action === "token") {
    const visitor = { ip: request.socket.remoteAddress ?? "", wishes };
    const issued = await provision(signet, vendor, visitor, operator.tenantOf(vendor));
    const { token, tokenId, keyId, claims, expiresAt, sessionMax, warnings } = issued;
    return { token, tokenId, keyId, claims, expiresAt, sessionMaxSeconds: Number(sessionMax?.seconds ?? 0), warnings };
  }
  if (action === "rotate") return operator.rotate(vendor);
  if (action !== "revoke") throw new Refused(404, "not found");
  if (typeof wishes.tokenId !== "string") throw new Refused(400, "tokenId is missing");
  await operator.revoke(vendor, wishes.tokenId);
  return {};
}

/** The page is told what was wrong with its request. Signet's details name fields, and no values. */
function isRefusedBySignet(error: unknown): error is ServiceError {
  const refused: readonly unknown[] = [
    status.INVALID_ARGUMENT,
    status.NOT_FOUND,
    status.FAILED_PRECONDITION,
    status.RESOURCE_EXHAUSTED,
  ];
  return error instanceof Error && "code" in error && refused.includes(error.code);
}
