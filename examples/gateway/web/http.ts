import type { IncomingMessage, ServerResponse } from "node:http";
import { log, textOf } from "./log.ts";

const MOST_BODY_BYTES = 16_384;

/** A request that the server refuses by itself. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Answers with JSON. Answers about tokens are never cached. */
export function answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers });
  response.end(text);
}

/** Answers what went wrong without a verdict: a bad request, or Signet unreachable. */
export function fail(response: ServerResponse, where: string, error: unknown): void {
  if (error instanceof Refused) {
    answer(response, error.status, { error: error.message });
  } else {
    log("failed", { where, problem: textOf(error) });
    answer(response, 503, { error: "try again" }, { "retry-after": "1" });
  }
}

/** The body of a request, at most 16 KiB. Throws {@link Refused}. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BODY_BYTES) throw new Refused(413, "the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The JSON object in a body. Throws {@link Refused}. */
export function objectIn(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refused(400, "the body is not a JSON object");
  return { ...value };
}

/** The media type of a request's body, in lower case and without parameters. */
export function mediaTypeOf({ headers }: IncomingMessage): string | undefined {
  return headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
}

/** Where no file and no vendor is: for what is no address at all, such as `*`. */
const NOWHERE = "http://host.invalid/*";

/**
 * The path and the query of a request. The host is not the client's to choose. It never throws: an error of the parser
 * would hold the address, with the token in it.
 */
export function addressOf({ url = "/" }: IncomingMessage): URL {
  // A path alone is one also if it begins with two slashes, which a URL parser takes for a host.
  return URL.parse(url.startsWith("/") ? `http://host.invalid${url}` : url) ?? new URL(NOWHERE);
}

/** The segments of a path, decoded. Throws {@link Refused}. */
export function segmentsOf(path: string): string[] {
  try {
    return path.split("/").slice(1).map(decodeURIComponent);
  } catch {
    throw new Refused(400, "the path is not percent-encoded UTF-8");
  }
}
