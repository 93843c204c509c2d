import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A free loopback port that no other test takes until this test file ends. It is below the range from which the kernel
 * takes ports for outgoing connections and for servers that ask for any port.
 */
export function freePort(): Promise<number> {
  return freePorts(1);
}

/** The first of `count` consecutive free ports. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 32_000);
    const row = Array.from({ length: count }, (_, at) => first + at);
    const free = await Promise.all(row.map(async (port) => (await reserve(port)) && (await isSilent(port))));
    if (free.every((each) => each)) return first;
  }
}

/**
 * Binds the UDP port of this number as a lock: no server here uses it, and the kernel frees it when the process ends.
 */
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
