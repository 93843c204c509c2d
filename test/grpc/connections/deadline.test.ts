import { once } from "node:events";
import { connect } from "node:http2";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import {
  IssueTokenRequest,
  TokenServiceClient,
  WatchRevocationsRequest,
  WatchRevocationsResponse,
} from "../../../src/gen/signet/v1/token.ts";
import { boundDeadline } from "../../../src/grpc/connections/deadline.ts";
import { startGrpcServer } from "../../../src/grpc/server.ts";
import { OPEN_GATE } from "../../support/caller.ts";
import { healthClient } from "../../support/service/health.ts";
import { servicesWith } from "../../support/service/no-services.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { TRANSPORT } from "../../support/service/transport.ts";
import { waitUntil } from "../../support/wait-until.ts";

for (const [asked, call, watch] of [
  [undefined, "5000m", undefined],
  ["1S", "1S", "1S"],
  ["5S", "5S", "5S"],
  ["5001m", "5000m", "5001m"],
  ["4999999u", "4999999u", "4999999u"],
  ["99999999n", "99999999n", "99999999n"],
  ["0m", "0m", "0m"],
  ["1H", "5000m", "1H"],
  ["2147483S", "5000m", "2147483S"],
  ["2147484S", "5000m", undefined],
  ["99999999H", "5000m", undefined],
  ["99999999999S", "5000m", undefined],
  ["-1S", "5000m", undefined],
  ["1", "5000m", undefined],
  ["1 S", "5000m", undefined],
  ["1S, 2S", "5000m", undefined],
  ["", "5000m", undefined],
] as const)
  test(`of a longest call of 5 s, ${asked ?? "no deadline"} becomes ${call}, and for a stream ${watch ?? "none"}`, (t) => {
    const bounded = (longestMs: number | undefined) => {
      const headers = asked === undefined ? {} : { "grpc-timeout": asked };
      boundDeadline(headers, longestMs);
      return (headers as Record<string, string>)["grpc-timeout"];
    };
    t.is(bounded(5_000), call);
    t.is(bounded(undefined), watch);
  });

/** A server whose IssueToken never answers, and whose watch answers when the test says so. */
async function slowServer(t: ExecutionContext, maxDeadlineMs: number) {
  const answered = Promise.withResolvers<void>();
  const services = servicesWith({
    tokens: {
      issue: () => new Promise(() => {}),
      async *watchRevocations() {
        await answered.promise;
        yield "current";
      },
    },
  });
  const transport = { ...TRANSPORT, maxDeadlineMs };
  const server = await startGrpcServer(
    "127.0.0.1:0",
    services,
    OPEN_GATE,
    transport,
    () => {},
    () => {},
  );
  const client = new TokenServiceClient(server.address, credentials.createInsecure());
  t.teardown(() => {
    client.close();
    return server.stop(0);
  });
  return { server, client, answer: answered.resolve };
}

const EMPTY = IssueTokenRequest.fromPartial({});

function issue(client: TokenServiceClient, deadline = Number.POSITIVE_INFINITY): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.issueToken(EMPTY, new Metadata(), { deadline }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

test("a call without a deadline ends at the longest, and one with a later deadline too", async (t) => {
  const { client } = await slowServer(t, 100);
  t.is((await failureOf(issue(client))).code, "DEADLINE_EXCEEDED");
  t.is((await failureOf(issue(client, Date.now() + 3_600_000))).code, "DEADLINE_EXCEEDED");
});

test("a call that never ends its request gives its place back", async (t) => {
  const { server } = await slowServer(t, 10_000);
  const session = connect(`http://${server.address}`);
  t.teardown(() => session.destroy());
  const open = (path: string) => {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
    return session.request(headers, { endStream: false }).on("error", () => {});
  };
  const statuses = ["/signet.v1.TokenService/IssueToken", "/grpc.health.v1.Health/Check"].map(async (path) => {
    const [headers] = await once(open(path), "response");
    return Number(headers["grpc-status"]);
  });
  await waitUntil("both are open", () => server.load().openCalls === 2);
  t.deepEqual(await Promise.all(statuses), [status.DEADLINE_EXCEEDED, status.DEADLINE_EXCEEDED]);
  await waitUntil("both are over", () => server.load().openCalls === 0);
});

test("watches outlive the longest call", async (t) => {
  const { server, client, answer } = await slowServer(t, 100);
  const statuses = await healthClient(t, server.address).watch("");
  const watch = client.watchRevocations(WatchRevocationsRequest.fromPartial({}));
  const first = once(watch, "data");
  for (let calls = 0; calls < 2; calls += 1) t.is((await failureOf(issue(client))).code, "DEADLINE_EXCEEDED");
  answer();
  const [message] = await first;
  t.deepEqual(message, WatchRevocationsResponse.fromPartial({ change: { $case: "current", value: true } }));
  t.deepEqual(statuses, ["NOT_SERVING"]);
});
