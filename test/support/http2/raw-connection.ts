import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { ExecutionContext } from "ava";

/**
 * A connection to `host:port` over which a test sends any bytes, destroyed after the test. With `allowHalfOpen` it stays
 * open when the server ends it.
 */
export async function rawConnection(
  t: ExecutionContext<unknown>,
  address: string,
  first: Buffer,
  { allowHalfOpen = false } = {},
): Promise<Socket> {
  const [host = "", port = ""] = address.split(":");
  const socket = connect({ host, port: Number(port), noDelay: true, allowHalfOpen });
  t.teardown(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(first);
  return socket.resume();
}
