import test from "ava";
import { traceAudit } from "../../../src/app/traces/traced.ts";
import type { AuditEvent, Until } from "../../../src/audit/event.ts";
import type { CallTracing } from "../../../src/trace/call-trace.ts";

const EVENT: AuditEvent = { type: "service.stopped", reason: "SIGTERM" };
const CALL = { traceparent: "00-1-2-01", during: (_: string, work: () => unknown) => work() };

for (const [what, current] of [
  ["in a recorded call", CALL],
  ["outside of calls", undefined],
] as const)
  test(`what waits until its event is forwarded does so ${what}, too`, async (t) => {
    const waits: (Until | undefined)[] = [];
    const audit = { append: async (_: AuditEvent, __: number, until?: Until) => void waits.push(until) };
    const traced = traceAudit(audit, { current } as unknown as CallTracing);
    await traced.append(EVENT, 0, "forwarded");
    await traced.append(EVENT, 0);
    t.deepEqual(waits, ["forwarded", undefined]);
  });
