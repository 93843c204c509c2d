import { fileURLToPath } from "node:url";
import test from "ava";
import { startRemote, untilLogged } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue } from "../support/service/service.ts";
import { startCollector } from "../support/traces/collector.ts";
import { recordsAll } from "../support/traces/traced-calls.ts";

const FAILING = fileURLToPath(new URL("../support/traces/failing-service.ts", import.meta.url));

test("a call that fails is an error in its trace, with the part that failed, and its log line names the trace", async (t) => {
  const collector = await startCollector(t);
  const service = await startRemote(t, { program: FAILING, args: [], env: recordsAll(collector) });
  await failureOf(issue(service));
  await failureOf(issue(service));
  await untilLogged(service, (log) => log.some(({ event }) => event === "call.failed"));
  const find = (name: string, error: string) =>
    collector.span(
      `${name} with ${error}`,
      (span) => span.name.endsWith(name) && span.attributes["error.type"] === error,
    );
  const unstored = await find("spool", "UNAVAILABLE");
  const unavailable = await find("IssueToken", "UNAVAILABLE");
  t.is(unstored.parentSpanId, unavailable.spanId);
  t.true(unstored.isError && unavailable.isError);
  t.is(unavailable.attributes["signet.reason"], "AUDIT_UNAVAILABLE");
  const bug = await find("spool", "TypeError");
  const internal = await find("IssueToken", "INTERNAL");
  t.is(bug.parentSpanId, internal.spanId);
  t.false("signet.reason" in internal.attributes);
  const [line] = service.process.log.filter(({ event }) => event === "call.failed");
  t.like(line, { trace_id: internal.traceId, span_id: internal.spanId });
  t.false(service.process.log.some((other) => other !== line && "trace_id" in other));
});
