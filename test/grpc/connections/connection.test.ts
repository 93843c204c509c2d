import { once } from "node:events";
import { connect, createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import test from "ava";
import { Connection } from "../../../src/grpc/connections/connection.ts";
import { MessageMeter } from "../../../src/grpc/connections/message-meter.ts";
import type { ProvenConnection } from "../../../src/grpc/connections/proofs.ts";

for (const [what, hasEnded] of [
  ["does not end its request loses its place a second after the answer", false],
  ["has ended its request gets the status, however late the server writes it", true],
] as const)
  test(`a client that ${what}`, async (t) => {
    const server = createServer();
    t.teardown(() => server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.teardown(() => client.destroy());
    const request = client.request({ ":method": "POST" });
    if (hasEnded) request.end("request");
    else request.write("request");
    const [stream] = (await once(server, "stream")) as [ServerHttp2Stream];
    const session = stream.session as ServerHttp2Session;
    const connection = new Connection(session, session.socket, {} as ProvenConnection, 0, 60_000);
    connection.open(stream, new MessageMeter(1_024), 0, 0);
    stream.resume();
    if (hasEnded) await once(stream, "end");
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.end("answer");
    await once(stream, "wantTrailers");
    for (const now of [0, 5_000]) connection.look(now, 65_536);
    t.is(stream.destroyed, !hasEnded);
    if (!hasEnded) return;
    const trailers = once(request, "trailers");
    stream.sendTrailers({ "grpc-status": "0" });
    request.resume();
    t.like((await trailers)[0], { "grpc-status": "0" });
  });
