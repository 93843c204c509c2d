import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Listens on `host:port`; port 0 is any free one. Resolves with the origin, such as `http://127.0.0.1:8090`. */
export async function listen(server: Server, variable: string, address: string): Promise<string> {
  const url = URL.parse(`tcp://${address}`);
  if (url === null || url.port === "") throw new Error(`${variable} must be host:port, such as 127.0.0.1:8090`);
  // A URL has an IPv6 address in brackets, which listen() takes for a name.
  server.listen(Number(url.port), url.hostname.replace(/^\[|\]$/g, ""));
  await once(server, "listening");
  return `http://${url.hostname}:${(server.address() as AddressInfo).port}`;
}
