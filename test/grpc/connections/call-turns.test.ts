import { once } from "node:events";
import { connect, createSecureServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import test from "ava";
import { CallTurns } from "../../../src/grpc/connections/call-turns.ts";
import { Connection } from "../../../src/grpc/connections/connection.ts";
import { LoopTurns } from "../../../src/grpc/connections/loop-turns.ts";
import type { ProvenConnection } from "../../../src/grpc/connections/proofs.ts";
import { createAuthority, serverCertificate } from "../../support/tls/certificates.ts";

function connectionOn(socket: Socket): Connection {
  return new Connection({} as ServerHttp2Session, socket, {} as ProvenConnection, 0, 60_000);
}

/** Connections that open calls at once, and the calls that have begun, each as the name of its connection. */
function connections() {
  const [turns, loop] = [new CallTurns(), new LoopTurns()];
  const begun: string[] = [];
  function open(name: string, calls: number): Connection {
    const connection = connectionOn(new Socket());
    for (let call = 0; call < calls; call++) {
      connection.countInTurn(loop.current);
      turns.take(connection, () => begun.push(`${name}${call}`));
    }
    return connection;
  }
  return { turns, begun, open };
}

test("a connection begins sixteen calls in a turn of the event loop, and the others in the next ones", async (t) => {
  const { begun, open } = connections();
  open("a", 200);
  t.is(begun.length, 16);
  await nextTurn();
  t.is(begun.length, 144);
  await nextTurn();
  t.deepEqual(
    begun,
    Array.from({ length: 200 }, (_, call) => `a${call}`),
  );
});

test("connections whose calls wait take turns, and are read again by turns", async (t) => {
  const { begun, open } = connections();
  for (const name of "abcdefghijkl") open(name, 48);
  begun.length = 0;
  const order = () => [...new Set(begun.splice(0).map(([name]) => name))].join("");
  await nextTurn();
  t.is(order(), "abcdefgh");
  await nextTurn();
  // No call of a waits any more: as many as before may come.
  t.is(order(), "ijkla");
  open("x", 1);
  t.is(order(), "x");
  await nextTurn();
  t.is(order(), "bc");
});

test("of a connection that has ended no further call begins", async (t) => {
  const { turns, begun, open } = connections();
  turns.leave(open("a", 40));
  await nextTurn();
  t.is(begun.length, 16);
});

test("over TLS, a connection that waits is not read although it gets answers", async (t) => {
  const server = createSecureServer(await serverCertificate(await createAuthority()));
  t.teardown(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const connectOver = () => {
    const client = connect(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      rejectUnauthorized: false,
    });
    t.teardown(() => client.destroy());
    return client;
  };
  const paths: unknown[] = [];
  server.on("stream", (stream, headers) => {
    paths.push(headers[":path"]);
    stream.respond({}, { endStream: true });
  });
  const accepted = once(server, "secureConnection");
  const client = connectOver();
  await once(client, "remoteSettings");
  const other = connectOver();
  await once(other, "remoteSettings");
  const first = client.request({ ":path": "/first" });

  const turns = new CallTurns();
  const connection = connectionOn((await accepted)[0]);
  await once(server, "stream");
  let isWaiting = true;
  const wait = () => isWaiting && turns.take(connection, wait);
  turns.enter(connection);
  t.teardown(() => turns.leave(connection));
  // More than begin in one visit: one of them always waits.
  for (let call = 0; call <= 16; call++) turns.take(connection, wait);

  await once(first, "response");
  client.request({ ":path": "/second" });
  other.request({ ":path": "/other" });
  await once(server, "stream");
  t.deepEqual(paths, ["/first", "/other"]);
  isWaiting = false;
  await once(server, "stream");
  t.deepEqual(paths, ["/first", "/other", "/second"]);
});
