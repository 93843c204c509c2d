import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A loopback port on which nobody listens, and which no other test takes until this test file ends: it is below the ports that
 * the kernel gives to outgoing connections and to servers that ask for any.
 */
export function freePort(): Promise<number> {
  return freePorts(1);
}

/** The first of so many in a row. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 32_000);
    const row = Array.from({ length: count }, (_, at) => first + at);
    const free = await Promise.all(row.map(async (port) => (await reserve(port)) && (await isSilent(port))));
    if (free.every((each) => each)) return first;
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

async function isSilent(port: number): Promise<boolean> {
  const server = createServer();
  const listening = once(server, "listening");
  server.listen(port, "127.0.0.1");
  try {
    await listening;
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
