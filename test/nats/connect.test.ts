import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setImmediate } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { connect } from "nats";
import { connectQuietly } from "../../src/nats/connect.ts";

const INFO = { server_id: "S", version: "2.10.27", proto: 1, max_payload: 1_048_576 };

/** A server that answers the first PING of a client, and adds to its answer to the second one what is no protocol. */
async function startBabbling(t: ExecutionContext): Promise<number> {
  const server = createServer((socket) => {
    let pings = 0;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (data.includes("PING")) socket.write(++pings === 1 ? "PONG\r\n" : "PONG\r\nhunter2\r\n");
    });
    socket.write(`INFO ${JSON.stringify(INFO)}\r\n`);
    t.teardown(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** What is written to the console while the reader of a connection meets an error. */
async function written(t: ExecutionContext, connecting: typeof connectQuietly): Promise<unknown[]> {
  const port = await startBabbling(t);
  const { log, error } = console;
  const texts: unknown[] = [];
  console.log = console.error = (...values: unknown[]) => void texts.push(...values);
  try {
    const connection = await connecting({ servers: `127.0.0.1:${port}`, reconnect: false });
    await connection.flush();
    // The reader meets the error in the turn in which it resolves the flush, and prints it in a later microtask.
    await setImmediate();
    await connection.close();
  } finally {
    Object.assign(console, { log, error });
  }
  return texts;
}

test.serial("what the library would print of a connection is not printed", async (t) => {
  t.deepEqual(await written(t, connectQuietly), []);
});

test.serial("negative control: it prints what its reader meets, with what the server sent", async (t) => {
  const [what, error] = await written(t, connect);
  t.is(what, "reader closed");
  t.regex(String(error), /unter2/);
});
