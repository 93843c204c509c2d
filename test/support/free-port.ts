import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** A loopback port on which nobody listens. */
export async function freePort(): Promise<number> {
  const port = await probe(0);
  if (port === undefined) throw new Error("there is no free port");
  return port;
}

/**
 * The same for a server that is started again: below the ports that outgoing connections take, and for nobody else until this
 * test file ends, whatever other tests run on this machine.
 */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const candidate = randomInt(20_000, 32_000);
    if (!(await reserve(candidate))) continue;
    const port = await probe(candidate);
    if (port !== undefined) return port;
  }
}

/** Takes the UDP port of this number, which no server here uses: the kernel gives it to one alone, and back at its end. */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket("udp4").unref();
  try {
    const bound = once(socket, "listening");
    socket.bind({ port, address: "127.0.0.1", exclusive: true });
    await bound;
    return true;
  } catch (error) {
    socket.close();
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
    throw error;
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
