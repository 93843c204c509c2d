import { once } from "node:events";
import { createServer } from "node:net";
import { RunError } from "./run-error.ts";

/** An address that a part listens on, and the environment variable that sets it. */
export interface Endpoint {
  readonly part: string;
  readonly host: string;
  readonly port: number;
  readonly variable: string;
  /** The form of a value of that variable: `127.0.0.1:PORT`. */
  readonly form: string;
}

/** Parses `host:port`, or a URL with both. Throws {@link RunError} for anything else. */
export function parseEndpoint(part: string, variable: string, text: string): Endpoint {
  const scheme = /^[a-z]+:\/\//.exec(text)?.[0] ?? "";
  const url = URL.parse(scheme === "" ? `tcp://${text}` : text);
  if (!url?.hostname || url.port === "") {
    throw new RunError(`${variable} is not an address with a port; allowed: ${scheme}127.0.0.1:PORT`);
  }
  // A URL keeps the brackets of an IPv6 address; a socket accepts none.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { part, host, port: Number(url.port), variable, form: `${scheme}${url.hostname}:PORT` };
}

/** Throws a {@link RunError} that names the port and the variable when the port is in use. */
export async function refuseTaken(endpoint: Endpoint, orElse = ""): Promise<void> {
  const probe = createServer().listen(endpoint.port, endpoint.host);
  try {
    await once(probe, "listening");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? error.code : error;
    const problem = reason === "EADDRINUSE" ? "is in use" : `can't be opened (${reason})`;
    const { part, host, port, variable, form } = endpoint;
    throw new RunError(`${part}: port ${port} on ${host} ${problem}; choose another with ${variable}=${form}${orElse}`);
  } finally {
    probe.close();
  }
}
