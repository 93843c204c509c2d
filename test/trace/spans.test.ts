import * as api from "@opentelemetry/api";
import { hrTimeToNanoseconds } from "@opentelemetry/core";
import * as sdk from "@opentelemetry/sdk-trace";
import test from "ava";
import { IssueTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { createCallTime, RecordedCall } from "../../src/otel/calls.ts";
import { tempFolder } from "../support/files/temp.ts";
import { trailOf } from "../support/nats/audit-trail.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, startService, verify } from "../support/service/service.ts";
import { startCollector } from "../support/traces/collector.ts";
import type { ReceivedSpan } from "../support/traces/decode.ts";
import { callWith, recordsAll, SAMPLED, SPAN_ID, TRACE_ID } from "../support/traces/traced-calls.ts";

const SERVER = (method: string) => (span: ReceivedSpan) => span.kind === "server" && span.name.endsWith(`/${method}`);
const REQUEST = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });

testWithNats("a token has the spans of its call, its signature, its event's fsync and its publication", async (t) => {
  const nats = await startNats(t);
  const collector = await startCollector(t);
  const data = await tempFolder(t);
  const service = await startRemote(t, { data, env: { SIGNET_NATS_URL: nats.url, ...recordsAll(collector) } });
  const { tokenId } = await callWith(service.tokens.issueToken.bind(service.tokens), REQUEST, {
    traceparent: SAMPLED,
    tracestate: "vendor=value",
  });
  const publish = await collector.span("publish", ({ kind }) => kind === "producer");
  const call = await collector.span("call", SERVER("IssueToken"));
  const parts = collector.spans.filter(({ parentSpanId }) => parentSpanId === call.spanId);
  t.deepEqual(parts.map(({ name }) => name).toSorted(), ["publish signet.audit.token.issued.service", "sign", "spool"]);
  t.true(collector.spans.every(({ traceId }) => traceId === TRACE_ID));
  t.like(call, { name: "signet.v1.TokenService/IssueToken", parentSpanId: SPAN_ID, traceState: "vendor=value" });
  const part = (name: string) => parts.find((span) => span.name === name) as ReceivedSpan;
  const [sign, spool] = [part("sign"), part("spool")];
  t.true(
    call.start <= sign.start && sign.end <= spool.start && spool.end <= call.end,
    "parts lie in the call, in order",
  );
  t.true(publish.start <= publish.end);
  const [issued] = (await trailOf(nats)).filter(({ body }) => Buffer.from(body).includes(tokenId));
  t.is(issued?.headers["ce-traceparent"], `00-${TRACE_ID}-${call.spanId}-01`);
  t.is(JSON.parse(Buffer.from(issued?.body ?? []).toString()).traceparent, `00-${TRACE_ID}-${call.spanId}-01`);
  t.is(publish.attributes["messaging.message.id"], issued?.headers["ce-id"]);
  t.is(await service.process.stop(), 0);
});

test("a server span has the names of the semantic conventions, and caller, profile and reason", async (t) => {
  const collector = await startCollector(t);
  const service = await startService(t, { env: recordsAll(collector) });
  const { token } = await issue(service);
  await verify(service, token, { audience: "other" });
  await failureOf(issue(service, { subject: "" }));
  await service.app.stop("SIGTERM");
  const [issued, rejected, refused] = [
    collector.spans.find(SERVER("IssueToken")),
    collector.spans.find(SERVER("VerifyToken")),
    collector.spans.findLast(SERVER("IssueToken")),
  ];
  const common = {
    "rpc.system.name": "grpc",
    "server.address": "127.0.0.1",
    "signet.caller": "loopback",
    "signet.profile": "service",
  };
  t.deepEqual(issued?.attributes, {
    ...common,
    "rpc.method": "signet.v1.TokenService/IssueToken",
    "rpc.response.status_code": "OK",
  });
  t.deepEqual(rejected?.attributes, {
    ...common,
    "rpc.method": "signet.v1.TokenService/VerifyToken",
    "rpc.response.status_code": "OK",
    "signet.reason": "AUDIENCE_MISMATCH",
  });
  t.deepEqual(refused?.attributes, {
    ...common,
    "rpc.method": "signet.v1.TokenService/IssueToken",
    "rpc.response.status_code": "INVALID_ARGUMENT",
    "signet.reason": "INVALID_REQUEST",
  });
});

test("parts of less than a millisecond do not overlap, and lie within their call", (t) => {
  const spans: sdk.ReadableSpan[] = [];
  const nothing = async () => undefined;
  const processor = { onStart: () => undefined, onEnd: (span: sdk.ReadableSpan) => void spans.push(span) };
  const provider = new sdk.TracerProvider({
    sampler: new sdk.AlwaysOnSampler(),
    spanProcessors: [{ ...processor, forceFlush: nothing, shutdown: nothing }],
  });
  const tracer = provider.getTracer("test");
  const time = createCallTime();
  const call = new RecordedCall(tracer.startSpan("call", { startTime: time() }), tracer, api, time);
  for (let count = 0; count < 100; count++) call.during("sign", () => undefined);
  call.end("OK");
  const server = spans.at(-1);
  const order = spans.slice(0, -1).flatMap(({ startTime, endTime }) => [startTime, endTime]);
  const times = [server?.startTime, ...order, server?.endTime].map((at) => at && hrTimeToNanoseconds(at));
  t.is(times.length, 202);
  t.deepEqual(
    times,
    times.toSorted((one = 0, other = 0) => one - other),
  );
});
