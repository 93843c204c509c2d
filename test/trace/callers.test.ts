import * as core from "@opentelemetry/core";
import test from "ava";
import fc from "fast-check";
import { IssueTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { callerSpan } from "../../src/otel/caller-span.ts";
import { createSampler } from "../../src/otel/sampler.ts";
import { startService } from "../support/service/service.ts";
import { startCollector } from "../support/traces/collector.ts";
import { callWith, recordsAll, SAMPLED, SPAN_ID, TRACE_ID, UNSAMPLED } from "../support/traces/traced-calls.ts";

const REQUEST = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });
const ZEROS = "0".repeat(32);

/** Each is no span of a caller. */
const HOSTILE: readonly (string | readonly string[])[] = [
  "",
  "-",
  "traceparent",
  `00-${ZEROS}-${SPAN_ID}-01`,
  `00-${TRACE_ID}-${"0".repeat(16)}-01`,
  `ff-${TRACE_ID}-${SPAN_ID}-01`,
  `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
  `00-${TRACE_ID}-${SPAN_ID}-1`,
  `${SAMPLED}-more`,
  `01-${TRACE_ID}-${SPAN_ID}-01-${"x".repeat(300)}`,
  "0".repeat(7000),
  `${SAMPLED} ${SAMPLED}`,
  `${SAMPLED},${SAMPLED}`,
  [SAMPLED, UNSAMPLED],
  [SAMPLED, SAMPLED],
];

test("a malformed traceparent changes no answer, and the call begins a trace of its own", async (t) => {
  const collector = await startCollector(t);
  const service = await startService(t, { env: recordsAll(collector) });
  for (const traceparent of HOSTILE) {
    const { token } = await callWith(service.tokens.issueToken.bind(service.tokens), REQUEST, { traceparent });
    t.not(token, "");
  }
  await service.app.stop("SIGTERM");
  const calls = collector.spans.filter(({ kind }) => kind === "server");
  t.is(calls.length, HOSTILE.length);
  t.true(calls.every(({ traceId, parentSpanId }) => parentSpanId === "" && traceId !== TRACE_ID));
});

test("a tracestate is passed on within its bounds, and changes no answer", async (t) => {
  const collector = await startCollector(t);
  const service = await startService(t, { env: recordsAll(collector) });
  const states: readonly (readonly [sent: string | readonly string[], passedOn: string])[] = [
    ["a=1", "a=1"],
    [["a=1", "b=2"], "a=1,b=2"],
    ["a=1,no member,B=2", "a=1"],
    [`a=${"x".repeat(600)}`, ""],
    [
      Array.from({ length: 40 }, (_, at) => `k${at}=v`).join(","),
      Array.from({ length: 32 }, (_, at) => `k${at}=v`).join(","),
    ],
  ];
  for (const [tracestate] of states)
    await callWith(service.tokens.issueToken.bind(service.tokens), REQUEST, { traceparent: SAMPLED, tracestate });
  await service.app.stop("SIGTERM");
  const calls = collector.spans.filter(({ kind }) => kind === "server");
  t.deepEqual(
    calls.map(({ traceState }) => traceState),
    states.map(([, passedOn]) => passedOn),
  );
});

test("whatever the headers are, there is no error, and only what W3C Trace Context allows is a span", (t) => {
  const valid = fc.constantFrom(SAMPLED, UNSAMPLED, `cc-${TRACE_ID}-${SPAN_ID}-03-later`);
  const value = fc.oneof(fc.string({ unit: "binary" }), valid, fc.stringMatching(/^[0-9a-f-]{0,60}$/));
  const headers = fc.record({ traceparent: fc.array(value), tracestate: fc.array(value) });
  fc.assert(
    fc.property(headers, ({ traceparent, tracestate }) => {
      const span = callerSpan({ traceparent, tracestate }, { core });
      if (span === undefined) return;
      t.is(traceparent.length, 1);
      t.regex(`${span.traceId}-${span.spanId}`, /^[\da-f]{32}-[\da-f]{16}$/);
      t.true((span.traceState?.serialize() ?? "").length <= 512);
    }),
  );
  t.like(callerSpan({ traceparent: [SAMPLED], tracestate: [] }, { core }), { traceId: TRACE_ID, spanId: SPAN_ID });
});

const parent = (traceFlags: number) => ({ traceId: TRACE_ID, spanId: SPAN_ID, traceFlags });

test("callers have at most so many calls a second recorded as is allowed, whatever they send", (t) => {
  let now = 0;
  const isSampled = createSampler(
    { ratio: 1, callerSampledPerSecond: 5 },
    () => 0,
    () => now,
  );
  const recorded = () => Array.from({ length: 100 }, () => isSampled(parent(1))).filter(Boolean).length;
  t.is(recorded(), 5);
  now += 400;
  t.is(recorded(), 2);
  now += 60_000;
  t.is(recorded(), 5);
});

test("a call is recorded as its caller says, and without a caller's span by the ratio", (t) => {
  const sampler = (ratio: number, limit: number, random = 0.5) =>
    createSampler(
      { ratio, callerSampledPerSecond: limit },
      () => random,
      () => 0,
    );
  t.true(sampler(0, 1)(parent(1)));
  t.false(sampler(1, 1)(parent(0)), "its caller does not record it");
  t.true(sampler(0.6, 1)(undefined));
  t.false(sampler(0.4, 1)(undefined));
  t.false(sampler(0, 1, 0)(undefined));
  t.true(sampler(1, 1, 0.999_999)(undefined));
});

test("where callers decide nothing, the ratio does, by chance alone", (t) => {
  const lucky = createSampler(
    { ratio: 0.5, callerSampledPerSecond: 0 },
    () => 0.4,
    () => 0,
  );
  const unlucky = createSampler(
    { ratio: 0.5, callerSampledPerSecond: 0 },
    () => 0.6,
    () => 0,
  );
  for (const flags of [0, 1]) {
    t.true(lucky(parent(flags)));
    t.false(unlucky(parent(flags)));
  }
});
