import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** A loopback port on which nobody listens. */
export async function freePort(): Promise<number> {
  const port = await probe(0);
  if (port === undefined) throw new Error("there is no free port");
  return port;
}

/** The same for a server that is started again: below the ports that outgoing connections take, it stays free meanwhile. */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = await probe(randomInt(20_000, 32_000));
    if (port !== undefined) return port;
  }
}

/** The port that was listened on, and is free again; undefined when it is taken. */
async function probe(port: number): Promise<number | undefined> {
  const server = createServer();
  const listening = once(server, "listening");
  server.listen(port, "127.0.0.1");
  try {
    await listening;
  } catch {
    return undefined;
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : undefined;
}
