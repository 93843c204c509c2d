import { IssueTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { trailOf } from "../support/nats/audit-trail.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { allForwarded } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, startService } from "../support/service/service.ts";
import { startCollector } from "../support/traces/collector.ts";
import { callWith, SAMPLED, SPAN_ID, TRACE_ID, UNSAMPLED } from "../support/traces/traced-calls.ts";

const REQUEST = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });

testWithNats(
  "the event of a call that is not recorded names the trace of its caller, and no other event does",
  async (t) => {
    const nats = await startNats(t);
    const collector = await startCollector(t);
    const service = await startService(t, {
      env: {
        SIGNET_NATS_URL: nats.url,
        SIGNET_TRACES_ENDPOINT: collector.endpoint,
        SIGNET_TRACES_SAMPLE_RATIO: "0",
      },
    });
    await callWith(service.tokens.issueToken.bind(service.tokens), REQUEST, { traceparent: UNSAMPLED });
    await issue(service);
    await failureOf(
      callWith(service.tokens.issueToken.bind(service.tokens), { ...REQUEST, subject: "" }, { traceparent: SAMPLED }),
    );
    await allForwarded(service);
    await service.app.stop("SIGTERM");
    const events = await trailOf(nats);
    const types = events.map(({ headers }) => headers["ce-type"]);
    t.true(types.includes("token.denied"), "a denial was counted");
    const [named, ...others] = events.filter(({ headers }) => "ce-traceparent" in headers);
    t.deepEqual(others, []);
    t.is(named?.headers["ce-type"], "token.issued");
    const traceparent = named?.headers["ce-traceparent"] ?? "";
    t.regex(traceparent, new RegExp(`^00-${TRACE_ID}-[\\da-f]{16}-00$`));
    t.false(traceparent.includes(SPAN_ID), "its flag is another one, so its span is too");
    t.is(JSON.parse(Buffer.from(named?.body ?? []).toString()).traceparent, traceparent);
    t.deepEqual(
      collector.spans.map(({ name }) => name),
      ["signet.v1.TokenService/IssueToken"],
      "only the call of the caller who records",
    );
  },
);

testWithNats("of calls at the same time, each event names the trace of its own call", async (t) => {
  const nats = await startNats(t);
  const collector = await startCollector(t);
  const service = await startService(t, {
    env: {
      ...{ SIGNET_NATS_URL: nats.url, SIGNET_TRACES_ENDPOINT: collector.endpoint },
      ...{ SIGNET_TRACES_SAMPLE_RATIO: "0", SIGNET_TRACES_CALLER_SAMPLED_PER_SECOND: "20" },
    },
  });
  const method = service.tokens.issueToken.bind(service.tokens);
  // In turn: recorded, not recorded, and without a trace.
  const calls = Array.from({ length: 60 }, async (_, at) => {
    const traceId = at.toString(16).padStart(32, "c");
    const flags = ["01", "00"][at % 3];
    const { tokenId } = await callWith(
      method,
      REQUEST,
      flags === undefined ? {} : { traceparent: `00-${traceId}-${SPAN_ID}-${flags}` },
    );
    return [tokenId, flags && `${traceId} ${flags}`] as const;
  });
  const sent = new Map(await Promise.all(calls));
  await allForwarded(service);
  const events = (await trailOf(nats)).map(({ body }) => JSON.parse(Buffer.from(body).toString()));
  const named = new Map(
    events.flatMap(({ tokenIssued, traceparent = "" }) => {
      const [, traceId, , flags] = traceparent.split("-");
      return tokenIssued ? [[tokenIssued.tokenId, traceId && `${traceId} ${flags}`]] : [];
    }),
  );
  t.deepEqual(named, sent);
});

testWithNats("without traces no event names one, whatever callers send", async (t) => {
  const nats = await startNats(t);
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url } });
  await callWith(service.tokens.issueToken.bind(service.tokens), REQUEST, { traceparent: SAMPLED });
  await allForwarded(service);
  const events = await trailOf(nats);
  t.true(events.some(({ headers }) => headers["ce-type"] === "token.issued"));
  t.false(events.some(({ headers, body }) => /traceparent/.test(JSON.stringify(headers) + Buffer.from(body))));
});
