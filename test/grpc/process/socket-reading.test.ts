import { once } from "node:events";
import { connect, createServer } from "node:http2";
import { type AddressInfo, Socket } from "node:net";
import test from "ava";
import { setReading } from "../../../src/grpc/process/socket-reading.ts";

test("a session whose socket is not read gets no stream until it is read again", async (t) => {
  const server = createServer();
  t.teardown(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const accepted = once(server, "connection");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.teardown(() => client.destroy());
  await once(client, "remoteSettings");
  const [socket] = (await accepted) as [Socket];
  let streams = 0;
  server.on("stream", () => {
    streams += 1;
  });
  setReading(socket, false);
  client.request({ ":path": "/" });
  // Other connections are read meanwhile.
  const other = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.teardown(() => other.destroy());
  other.request({ ":path": "/" });
  await once(server, "stream");
  t.is(streams, 1);
  const stream = once(server, "stream");
  setReading(socket, true);
  await stream;
  t.is(streams, 2);
});

test("a socket that was destroyed is left alone", (t) => {
  const socket = new Socket().destroy();
  for (const isReading of [false, true]) t.notThrows(() => setReading(socket, isReading));
});
