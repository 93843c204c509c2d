import { Server, ServerCredentials, type ServerDuplexStream, type ServerOptions } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DATA, frame, WINDOW_UPDATE } from "../../bench/client/http2-frames.ts";
import { paceRequests } from "../../src/grpc/paced-requests.ts";
import { greet, head, message, numberFrame } from "../support/http2/frames.ts";
import { rawConnection } from "../support/http2/raw-connection.ts";
import { waitUntil } from "../support/wait-until.ts";

const REQUESTS = 100;
const ANSWER = Buffer.alloc(1000);

/** A client that reads nothing asks a library's service, which answers whatever comes. */
async function asked(t: ExecutionContext, options: ServerOptions) {
  const server = new Server(options);
  const same = (bytes: Buffer) => bytes;
  const codec = {
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const method = { path: "/library.Echo/Chat", requestStream: true, responseStream: true, ...codec };
  let requests = 0;
  const chat = (call: ServerDuplexStream<Buffer, Buffer>) =>
    call.on("data", () => {
      requests += 1;
      call.write(ANSWER);
    });
  server.addService({ chat: method }, { chat });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  t.teardown(() => server.forceShutdown());
  const payload = Buffer.concat(Array.from({ length: REQUESTS }, () => message(Buffer.from("next"))));
  const opening = Buffer.concat([greet(0), head(1, method.path), frame(DATA, 0, 1, payload)]);
  const client = await rawConnection(t, `127.0.0.1:${port}`, opening);
  const read = (bytes: number) => client.write(numberFrame(WINDOW_UPDATE, 1, bytes));
  const handled = (count: number) => waitUntil(`${count} requests are handled`, () => requests === count);
  const readAll = () =>
    client.write(Buffer.concat([0, 1].map((stream) => numberFrame(WINDOW_UPDATE, stream, 1_000_000))));
  return { read, readAll, handled, requests: () => requests };
}

test("the next request of a stream waits until the answer to the one before has been read", async (t) => {
  const { read, readAll, handled, requests } = await asked(t, { interceptors: [paceRequests] });
  await handled(1);
  read(10 * (ANSWER.length + 5));
  await handled(11);
  t.is(requests(), 11);
  readAll();
  await handled(REQUESTS);
});

test("without that, all requests are handled although no answer is read", async (t) => {
  const { handled, requests } = await asked(t, {});
  await handled(REQUESTS);
  t.is(requests(), REQUESTS);
});
