import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import test from "ava";
import { waitUntil } from "../wait-until.ts";
import { freePort } from "./free-port.ts";

const FREE_PORT = new URL("./free-port.ts", import.meta.url).href;

test("no other test gets a free port until its test file ends", async (t) => {
  const program = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(FREE_PORT)}).then(async ({ freePort }) => parentPort.postMessage(await freePort()));
    parentPort.on("message", () => process.exit());
  `;
  const other = new Worker(program, { eval: true });
  const [port] = await once(other, "message");
  t.is(await taken(port), "EADDRINUSE");
  const own = new Set(await Promise.all(Array.from({ length: 200 }, () => freePort())));
  t.is(own.size, 200);
  t.false(own.has(port));
  other.postMessage("end");
  await once(other, "exit");
  // A test of another run may reserve the port in between, and give it back.
  await waitUntil("the port is free again", async () => (await taken(port)) === undefined);
});

/** The error code of an attempt to reserve the port; undefined if it succeeds. */
async function taken(port: number): Promise<string | undefined> {
  const socket = createSocket("udp4");
  const bound = once(socket, "listening");
  socket.bind({ port, address: "127.0.0.1", exclusive: true });
  const error = await bound.then(
    () => undefined,
    (cause: NodeJS.ErrnoException) => cause.code,
  );
  socket.close();
  return error;
}
