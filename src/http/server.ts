import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Problem } from "../problem/problem.ts";
import { StartError } from "../start-error.ts";
import { keepRecentConnections } from "./recent-connections.ts";

interface Jwks {
  readonly json: string;
  readonly maxAgeSeconds: number;
}

/** What the HTTP server shows. None of it needs a credential. */
export interface HttpSources {
  /**
   * A JWK Set as JSON (RFC 7517, 5) and how long a verifier may cache it, in seconds: of one keyset, or of all.
   * Undefined: there is no such keyset.
   */
  jwks(keyset?: string): Jwks | undefined;
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** What must happen before new callers can get tokens, human-readable; empty when they can. */
  waitsFor(): readonly string[];
}

export interface HttpServer {
  /** `host:port`. For port 0 it has the port that the system chose. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Node looks for requests that are late only every 30 seconds by default. */
const TIMES = { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 } as const;

/**
 * Serves `/.well-known/jwks.json`, `/keysets/NAME/jwks.json`, `/metrics`, `/livez` and `/readyz` at `host:port`, over
 * `maxConnections` at most; `onLimit` is called when a connection is closed for a new one.
 *
 * @throws StartError when the address can't be bound.
 */
export async function startHttpServer(
  { address, maxConnections }: { readonly address: string; readonly maxConnections: number },
  sources: HttpSources,
  onLimit: () => void,
): Promise<HttpServer> {
  const server = createServer(TIMES, (request, response) => {
    answer(request.method ?? "", request.url ?? "", request.headers["if-none-match"], response, sources).catch(
      (error) => {
        if (!response.headersSent) sendProblem(response, error);
        else response.end();
      },
    );
  });
  keepRecentConnections(server, maxConnections, onLimit);
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new StartError("CANT_LISTEN", `HTTP can't listen at ${address}: ${cause.message}`, { cause })),
    );
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    address: `${address.slice(0, address.lastIndexOf(":"))}:${bound}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  method: string,
  url: string,
  ifNoneMatch: string | undefined,
  response: ServerResponse,
  sources: HttpSources,
): Promise<void> {
  if (method !== "GET" && method !== "HEAD")
    return send(response, 405, "text/plain", "only GET and HEAD\n", { allow: "GET, HEAD" });
  const path = pathOf(url);
  switch (path) {
    case "/metrics": {
      const { contentType, body } = await sources.metrics();
      return send(response, 200, contentType, body);
    }
    case "/livez":
      return send(response, 200, "text/plain", "ok\n");
    case "/readyz": {
      const waitsFor = sources.waitsFor();
      if (waitsFor.length === 0) return send(response, 200, "text/plain", "ok\n");
      return send(response, 503, "text/plain", `waits for ${waitsFor.join(", ")}\n`);
    }
    default: {
      const jwks = jwksAt(path, sources);
      if (jwks !== undefined) return sendJwks(response, ifNoneMatch, jwks);
      return send(response, 404, "text/plain", "not found\n");
    }
  }
}

/** The path of a target in origin-form, or in absolute-form, which a proxy sends (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  return /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(target)?.[1] || "/";
}

function jwksAt(path: string, sources: HttpSources): Jwks | undefined {
  if (path === "/.well-known/jwks.json") return sources.jwks();
  const keyset = /^\/keysets\/([^/]+)\/jwks\.json$/.exec(path)?.[1];
  return keyset === undefined ? undefined : sources.jwks(keyset);
}

function sendJwks(response: ServerResponse, ifNoneMatch: string | undefined, jwks: Jwks): void {
  const etag = `"${createHash("sha256").update(jwks.json).digest("base64url").slice(0, 22)}"`;
  const headers = {
    "cache-control": `public, max-age=${jwks.maxAgeSeconds}`,
    etag,
    "access-control-allow-origin": "*",
  };
  if (isCached(etag, ifNoneMatch)) {
    response.writeHead(304, headers);
    response.end();
  } else send(response, 200, "application/jwk-set+json", jwks.json, headers);
}

/** 503 while the keys are not read: a verifier retries, whereas it would cache an empty set. */
function sendProblem(response: ServerResponse, error: unknown): void {
  if (error instanceof Problem) send(response, 503, "text/plain", `${error.message}\n`, { "retry-after": "1" });
  else response.writeHead(500).end();
}

/** RFC 9110, 13.1.2: any tag of a list, compared weakly, because a proxy that compresses makes a tag weak. */
function isCached(etag: string, ifNoneMatch = ""): boolean {
  return ifNoneMatch === "*" || ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function send(
  response: ServerResponse,
  code: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(body), ...headers });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
