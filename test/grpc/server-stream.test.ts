import { once } from "node:events";
import { connect } from "node:http2";
import { createFileRegistry } from "@bufbuild/protobuf";
import {
  type ClientReadableStream,
  credentials,
  type MethodDefinition,
  Server,
  ServerCredentials,
  status,
} from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import type { Caller } from "../../src/caller.ts";
import { unauthenticated } from "../../src/callers/identify.ts";
import {
  TokenServiceClient,
  TokenServiceService,
  type WatchRevocationsRequest,
  WatchRevocationsResponse,
} from "../../src/gen/signet/v1/token.ts";
import { createStreams, type StreamHandler, serverStream } from "../../src/grpc/server-stream.ts";
import { bytesOnly, type OnCall } from "../../src/grpc/unary.ts";
import { requestDecoder } from "../../src/grpc/wire/decode-request.ts";
import { Problem } from "../../src/problem/problem.ts";
import { loadContract } from "../../src/protobuf/contract.ts";
import { LOOPBACK } from "../support/caller.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { waitUntil } from "../support/wait-until.ts";

type Watch = StreamHandler<WatchRevocationsRequest, WatchRevocationsResponse>;
type Call = Parameters<OnCall>[0];

const CURRENT = WatchRevocationsResponse.fromPartial({ change: { $case: "current", value: true } });
const big = WatchRevocationsResponse.fromPartial({
  change: { $case: "revocation", value: { subjectHash: "x".repeat(60_000) } },
});

/** A server whose watch does what the test says; what was observed of it, and how a client watches. */
async function serverThat(
  t: ExecutionContext,
  handler: Watch,
  {
    limit = 10,
    stalledMs = 30_000,
    nameCaller = (): Caller | Promise<Caller> => LOOPBACK,
    proveAgain = (): Caller | Promise<Caller> => LOOPBACK,
    proveAgainMs = 30_000,
  } = {},
) {
  const observed: Call[] = [];
  const streams = createStreams(limit);
  const { watchRevocations } = TokenServiceService;
  const definition = {
    ...watchRevocations,
    read: requestDecoder(watchRevocations, createFileRegistry(loadContract())),
  };
  const server = new Server();
  server.addService(
    { watch: bytesOnly(definition as MethodDefinition<unknown, unknown>) },
    {
      watch: serverStream(
        definition,
        handler,
        { nameCaller, proveAgain },
        { streams, stalledMs, proveAgainMs },
        (call) => void observed.push(call),
      ),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const address = `127.0.0.1:${port}`;
  const client = new TokenServiceClient(address, credentials.createInsecure());
  t.teardown(() => {
    client.close();
    server.forceShutdown();
  });
  const watch = () => client.watchRevocations({ profile: "" });
  return { address, observed, streams, client, watch };
}

/** All messages of a stream. Rejects with the ServiceError that ends it. */
async function all(stream: ClientReadableStream<WatchRevocationsResponse>): Promise<WatchRevocationsResponse[]> {
  const messages: WatchRevocationsResponse[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

/** A handler that yields one message and then waits for its end. */
function waiting() {
  const signals: AbortSignal[] = [];
  const handler: Watch = async function* (_, __, signal) {
    signals.push(signal);
    yield CURRENT;
    if (!signal.aborted) await once(signal, "abort");
  };
  return { handler, signals };
}

test("what a handler yields arrives in order, and its end is the call's", async (t) => {
  const { watch, observed } = await serverThat(t, async function* ({ profile }, caller) {
    for (const tokenId of [profile, caller.name, "third"])
      yield WatchRevocationsResponse.fromPartial({ change: { $case: "revocation", value: { tokenId } } });
  });
  const tokenIds = (await all(watch())).map(({ change }) => change?.$case === "revocation" && change.value.tokenId);
  t.deepEqual(tokenIds, ["", "loopback", "third"]);
  await waitUntil("the call was observed", () => observed.length === 1);
  t.like(observed[0], { method: "signet.v1.TokenService/WatchRevocations", code: "OK" });
});

test("a Problem ends the call with its code after what was yielded before", async (t) => {
  const { watch, observed } = await serverThat(t, async function* () {
    yield CURRENT;
    throw new Problem("SLOW_READER", "too slow");
  });
  const stream = watch();
  const [first] = await once(stream, "data");
  t.deepEqual(first, CURRENT);
  t.like(await failureOf(all(stream)), { code: "RESOURCE_EXHAUSTED", reason: "SLOW_READER" });
  t.is(observed.length, 1);
  t.false("cause" in (observed[0] ?? {}));
});

for (const [what, handler] of Object.entries<Watch>({
  "throws at once": () => {
    throw new Error("hunter2");
  },
  "throws later": async function* () {
    yield CURRENT;
    throw new Error("hunter2");
  },
  "yields what can't be encoded": async function* () {
    yield { change: { $case: "revocation", value: undefined } } as never;
  },
})) {
  test(`a handler that ${what} is INTERNAL, hides its cause and leaves the server alive`, async (t) => {
    const { watch, observed } = await serverThat(t, handler);
    for (let time = 0; time < 2; time += 1)
      t.like(await failureOf(all(watch())), { code: "INTERNAL", message: "internal error" });
    t.is(observed.length, 2);
    t.true(observed[0]?.cause instanceof Error, "the log gets the cause");
  });
}

test("a request that is not a message is INVALID_ARGUMENT", async (t) => {
  const { client } = await serverThat(t, waiting().handler);
  const { path } = TokenServiceService.watchRevocations;
  const same = (bytes: Buffer) => bytes;
  const stream = client.makeServerStreamRequest(path, same, same, Buffer.from("0aff", "hex"));
  t.like(await failureOf(all(stream as never)), { code: "INVALID_ARGUMENT", reason: "UNDECODABLE" });
});

test("a client that disconnects ends its handler and frees its place", async (t) => {
  const { handler, signals } = waiting();
  const { watch, observed } = await serverThat(t, handler, { limit: 1 });
  for (let time = 0; time < 3; time += 1) {
    const stream = watch();
    stream.on("error", () => {});
    await once(stream, "data");
    stream.cancel();
    await waitUntil("the handler has ended", () => observed.length === time + 1);
    t.true(signals[time]?.aborted);
  }
  t.deepEqual(
    observed.map(({ code }) => code),
    ["CANCELLED", "CANCELLED", "CANCELLED"],
  );
});

test("a client takes no place before its caller is named, and none after it has left", async (t) => {
  const { handler, signals } = waiting();
  const named = [Promise.withResolvers<Caller>(), Promise.withResolvers<Caller>()];
  const callers = [...named.map(({ promise }) => promise), LOOPBACK];
  const nameCaller = () => callers.shift() ?? LOOPBACK;
  const { watch, observed } = await serverThat(t, handler, { limit: 1, nameCaller });
  const [unnamed, leaving] = [watch(), watch().on("error", () => {})];
  const stream = watch();
  await once(stream, "data");
  named[0]?.resolve(LOOPBACK);
  t.like(await failureOf(all(unnamed)), { reason: "TOO_MANY_STREAMS" });
  stream.on("error", () => {}).cancel();
  await waitUntil("its place is free", () => observed.length === 2);
  leaving.cancel();
  // The server knows of it once it has answered a call that came later.
  const last = watch().on("error", () => {});
  await once(last, "data");
  last.cancel();
  await waitUntil("all places are free", () => observed.length === 3);
  named[1]?.resolve(LOOPBACK);
  await waitUntil("the call has ended", () => observed.length === 4);
  t.is(observed[3]?.code, "CANCELLED");
  t.is(signals.length, 2);
});

test("a deadline that the client sets ends its stream, and there is no other", async (t) => {
  const { handler } = waiting();
  const { client, observed } = await serverThat(t, handler);
  const stream = client.watchRevocations({ profile: "" }, { deadline: Date.now() + 15_000 });
  await once(stream, "data");
  t.like(await failureOf(all(stream)), { code: "DEADLINE_EXCEEDED" });
  await waitUntil("the handler has ended", () => observed.length === 1);
});

test("a stream ends when what proved its caller no longer does, and frees its place", async (t) => {
  const revoked = unauthenticated("the token is revoked", { reason: "REVOKED" });
  const proofs: (() => Caller | Promise<Caller>)[] = [
    () => LOOPBACK,
    () => Promise.reject(new Problem("KEYS_UNAVAILABLE", "the keys can't be read")),
    () => Promise.resolve(LOOPBACK),
  ];
  let left = proofs.length;
  const proveAgain = () => {
    left -= 1;
    return (proofs.shift() ?? (() => Promise.reject(revoked)))();
  };
  const { handler, signals } = waiting();
  const { watch, observed } = await serverThat(t, handler, { limit: 1, proveAgain, proveAgainMs: 1 });
  const stream = watch();
  t.deepEqual(await once(stream, "data"), [CURRENT]);
  const { code, metadata } = await failureOf(all(stream));
  t.deepEqual([code, metadata.reason], ["UNAUTHENTICATED", "REVOKED"]);
  t.true(signals[0]?.aborted);
  t.is(left, -1, "it was asked until it no longer did, and not after that");
  await waitUntil("the call was observed", () => observed.length === 1);
  const next = watch().on("error", () => {});
  t.deepEqual(await once(next, "data"), [CURRENT]);
});

test("one more stream than there may be is RESOURCE_EXHAUSTED, and the others go on", async (t) => {
  const { handler, signals } = waiting();
  const { watch } = await serverThat(t, handler, { limit: 2 });
  const open = [watch(), watch()];
  await Promise.all(open.map((stream) => once(stream, "data")));
  t.like(await failureOf(all(watch())), { code: "RESOURCE_EXHAUSTED", reason: "TOO_MANY_STREAMS" });
  t.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false],
  );
  for (const stream of open) {
    stream.on("error", () => {});
    stream.cancel();
  }
});

test("when the server stops its streams end as UNAVAILABLE, and no new one begins", async (t) => {
  const { handler } = waiting();
  const { watch, streams } = await serverThat(t, handler);
  const stream = watch();
  await once(stream, "data");
  streams.stop();
  const stopped = { code: "UNAVAILABLE", reason: "STOPPING" };
  t.like(await failureOf(all(stream)), stopped);
  t.like(await failureOf(all(watch())), stopped);
});

test("a client that reads nothing makes the handler wait; then its stream is cut, and all that it reads later is complete", async (t) => {
  let yielded = 0;
  const { address, observed } = await serverThat(
    t,
    async function* () {
      for (;;) {
        yielded += 1;
        yield big;
      }
    },
    { stalledMs: 100 },
  );
  // Client libraries read ahead: one that reads nothing has to be made by hand.
  const session = connect(`http://${address}`);
  t.teardown(() => session.destroy());
  const headers = { ":method": "POST", ":path": TokenServiceService.watchRevocations.path, te: "trailers" };
  const stream = session.request({ ...headers, "content-type": "application/grpc" });
  stream.end(Buffer.alloc(5));
  await waitUntil("it is cut", () => observed.length === 1);
  t.is(observed[0]?.code, "RESOURCE_EXHAUSTED");
  t.true(yielded < 100, `${yielded} messages of 60 kB were taken`);
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const [trailers] = await once(stream, "trailers");
  t.is(trailers["grpc-status"], String(status.RESOURCE_EXHAUSTED));
  t.is(bytes, yielded * (5 + WatchRevocationsResponse.encode(big).finish().length));
});
