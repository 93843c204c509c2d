import { createHash } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Server as TlsServer } from "node:tls";
import { Problem } from "../problem/problem.ts";
import { StartError } from "../start-error.ts";
import type { CertificateSource } from "../tls/certificate-source.ts";
import { boundHandshakes } from "../tls/handshakes.ts";
import { type MinVersion, secureContextOptions } from "../tls/secure-context.ts";
import { belowIssuer, isWellKnown } from "./discovery.ts";
import { keepRecentConnections } from "./recent-connections.ts";

/** A document as JSON, and how long a verifier may cache it, in seconds. */
interface Cacheable {
  readonly json: string;
  readonly maxAgeSeconds: number;
}

/** What verifiers read. It needs no credential. */
export interface Documents {
  /** A JWK Set (RFC 7517, 5) of one keyset, or of all. Undefined: there is no such keyset. */
  jwks(keyset?: string): Cacheable | undefined;
  /** The `iss` of the tokens: a URL, whose path may stand before the paths of JWKS and metadata. */
  readonly issuer: string;
  /** By what resource servers find the keys of the issuer (RFC 8414). Undefined: there are none to find. */
  metadata(): Cacheable | undefined;
}

/** What operators and their programs read. It names no caller. */
export interface Probes {
  /** In the format that a scraper with this `Accept` prefers. */
  metrics(accept?: string): Promise<{ readonly contentType: string; readonly body: string }>;
  /** What must happen before new callers can get tokens, human-readable; empty when they can. */
  waitsFor(): readonly string[];
}

/** What a listener shows: one of them, or both. */
export interface HttpSources {
  readonly documents?: Documents;
  readonly probes?: Probes;
}

export interface HttpListener {
  /** `host:port`. */
  readonly address: string;
  readonly maxConnections: number;
  /** Undefined: plaintext. */
  readonly tls?: HttpTls | undefined;
}

interface HttpTls {
  readonly source: CertificateSource;
  readonly minVersion: MinVersion;
}

export interface HttpServer {
  /** `host:port`. For port 0 it has the port that the system chose. */
  readonly address: string;
  stop(): Promise<void>;
}

// An import of node:http reads all its exports, and one of them loads Node's own client for HTTP and WebSocket: 45 ms of
// CPU and 14 MB.
const { createServer } = process.getBuiltinModule("node:http");

/** Node looks for requests that are late only every 30 seconds by default. */
const TIMES = { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 } as const;

/**
 * Serves the documents `/.well-known/jwks.json`, `/keysets/NAME/jwks.json` and the metadata of the issuer, and the
 * probes `/metrics`, `/livez` and `/readyz`, over `maxConnections` at most; `onLimit` is called when a connection is
 * closed for a new one.
 *
 * @throws StartError when the address can't be bound.
 */
export async function startHttpServer(
  { address, maxConnections, tls }: HttpListener,
  sources: HttpSources,
  onLimit: () => void,
): Promise<HttpServer> {
  const server = createServerOver(tls, (request, response) => {
    answer(request, response, sources).catch((error) => {
      if (!response.headersSent) sendProblem(response, error);
      else response.end();
    });
  });
  const handshakes = server instanceof TlsServer ? boundHandshakes(server, maxConnections, onLimit) : undefined;
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
        handshakes?.end();
      }),
  };
}

function createServerOver(
  tls: HttpTls | undefined,
  answerRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (tls === undefined) return createServer(TIMES, answerRequest);
  const optionsOf = ({ files }: CertificateSource["current"]) => secureContextOptions(files, tls.minVersion);
  const server = createTlsServer({ ...TIMES, ...optionsOf(tls.source.current) }, answerRequest);
  const ignore = tls.source.onChange((set) => server.setSecureContext(optionsOf(set)));
  server.once("close", ignore);
  return server;
}

async function answer(
  { method, url = "", headers }: IncomingMessage,
  response: ServerResponse,
  { documents, probes }: HttpSources,
): Promise<void> {
  if (method !== "GET" && method !== "HEAD")
    return send(response, 405, "text/plain", "only GET and HEAD\n", { allow: "GET, HEAD" });
  const path = pathOf(url);
  if (probes !== undefined && (await sendProbe(response, path, headers.accept, probes))) return;
  if (documents !== undefined && sendDocument(response, path, headers["if-none-match"], documents)) return;
  send(response, 404, "text/plain", "not found\n");
}

/** Returns false for a path that is none of the probes. */
async function sendProbe(
  response: ServerResponse,
  path: string,
  accept: string | undefined,
  probes: Probes,
): Promise<boolean> {
  if (path === "/livez") send(response, 200, "text/plain", "ok\n");
  else if (path === "/readyz") {
    const waitsFor = probes.waitsFor();
    if (waitsFor.length === 0) send(response, 200, "text/plain", "ok\n");
    else send(response, 503, "text/plain", `waits for ${waitsFor.join(", ")}\n`);
  } else if (path === "/metrics") {
    const { contentType, body } = await probes.metrics(accept);
    send(response, 200, contentType, body, { vary: "accept" });
  } else return false;
  return true;
}

/** The path of a target in origin-form, or in absolute-form, which a proxy sends (RFC 9112, 3.2.2). */
function pathOf(target: string): string {
  return /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(target)?.[1] || "/";
}

/** Returns false for a path that is none of the documents. */
function sendDocument(
  response: ServerResponse,
  path: string,
  ifNoneMatch: string | undefined,
  documents: Documents,
): boolean {
  const place = belowIssuer(path, documents.issuer);
  const found = documentAt(place, documents);
  if (found === undefined) return false;
  const etag = `"${createHash("sha256").update(found.json).digest("base64url").slice(0, 22)}"`;
  const headers = {
    "cache-control": `public, max-age=${found.maxAgeSeconds}`,
    etag,
    "access-control-allow-origin": "*",
  };
  if (isCached(etag, ifNoneMatch)) response.writeHead(304, headers).end();
  else {
    const type = isWellKnown(place) ? "application/json" : "application/jwk-set+json";
    send(response, 200, type, found.json, headers);
  }
  return true;
}

function documentAt(path: string, documents: Documents): Cacheable | undefined {
  if (isWellKnown(path)) return documents.metadata();
  if (path === "/.well-known/jwks.json") return documents.jwks();
  const keyset = /^\/keysets\/([^/]+)\/jwks\.json$/.exec(path)?.[1];
  return keyset === undefined ? undefined : documents.jwks(keyset);
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
