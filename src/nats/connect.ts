import type { ConnectionOptions, NatsConnection } from "nats";
import { NatsConnectionImpl, setTransportFactory } from "nats/lib/src/nats-base-client.js";
import { nodeResolveHost } from "nats/lib/src/node_transport.js";
import { within } from "../async/timeout.ts";
import { Transport, type TransportOptions } from "./transport.ts";

/**
 * Connects as the library does, but leaves nothing of an attempt that is given up, and keeps the library from writing
 * to the console in this thread, permanently: it prints the errors that its reader meets. They would stand between the
 * lines of the log, or in the output of a command, and may hold anything that came from the server. The connection ends
 * all the same, at the latest when no ping is answered. Rejects at once when the signal aborts first.
 */
export async function connectQuietly(options: ConnectionOptions, signal?: AbortSignal): Promise<NatsConnection> {
  console.log = ignore;
  console.error = ignore;
  setTransportFactory({ factory: () => new Transport(), dnsResolveFn: nodeResolveHost });
  const over = new AbortController();
  const withTransports: TransportOptions = { ...options, over: over.signal };
  const connecting = NatsConnectionImpl.connect(withTransports);
  const connection = await within({ signal }, connecting, () => {
    over.abort();
    connecting.then((late) => late.close(), ignore);
    throw new Error("it was given up");
  });
  // The library goes on to the next address of a server when a connection is closed that it dials again.
  void connection.closed().then(() => over.abort());
  return connection;
}

function ignore(): void {}
