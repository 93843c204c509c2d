import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { connect as connectTls, createServer } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { boundHandshakes } from "../../src/tls/handshakes.ts";
import { createAuthority, serverCertificate } from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A TLS server with at most 20 handshakes at once, and connections to it. */
async function serve(t: ExecutionContext) {
  const authority = await createAuthority();
  let limited = 0;
  const server = createServer(await serverCertificate(authority));
  const handshakes = boundHandshakes(server, 80, () => (limited += 1));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    limited: () => limited,
    handshakes,
    async connectSilently() {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      sockets.push(socket);
      await once(socket, "connect");
      return socket.resume();
    },
    async shakeHands() {
      const socket = connectTls({ port, host: "127.0.0.1", ca: authority.cert });
      sockets.push(socket);
      await once(socket, "secureConnect");
      return socket;
    },
  };
}

test("a handshake ends in time, also that of a client which goes on sending a byte now and then", async (t) => {
  const { connectSilently } = await serve(t);
  const [silent, dripping] = [await connectSilently(), await connectSilently()];
  // The beginning of a record that never ends.
  dripping.write(Buffer.from("1603014000", "hex"));
  const drip = setInterval(() => dripping.write("x"), 500);
  t.teardown(() => clearInterval(drip));
  await waitUntil("both are cut", () => silent.closed && dripping.closed);
  t.pass();
});

test("a handshake too many replaces the oldest, and never a connection", async (t) => {
  const { limited, connectSilently, shakeHands } = await serve(t);
  const connections = [await shakeHands(), await shakeHands(), await shakeHands()];
  const silent: Socket[] = [];
  for (let count = 0; count < 21; count++) silent.push(await connectSilently());
  await waitUntil("the oldest is cut", () => silent[0]?.closed === true);
  t.is(limited(), 1);
  t.is(silent.filter(({ closed }) => closed).length, 1);
  await shakeHands();
  t.deepEqual(
    connections.map(({ closed }) => closed),
    [false, false, false],
  );
});

test("handshakes can be ended, and connections stay", async (t) => {
  const { handshakes, connectSilently, shakeHands } = await serve(t);
  const [connection, silent] = [await shakeHands(), await connectSilently()];
  // It is accepted after the one that has connected.
  await shakeHands();
  handshakes.end();
  await waitUntil("the handshake is cut", () => silent.closed);
  t.false(connection.closed);
});
