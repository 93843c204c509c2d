import type { Access } from "../../access/question.ts";
import type { AuditLog } from "../../audit/event.ts";
import { ATTRIBUTE } from "../../otel/names.ts";
import type { CallTracing } from "../../trace/call-trace.ts";

/** The same, with caller and profile of each question in the trace of its call. */
export function traceAccess(
  access: Access,
  calls: CallTracing | undefined,
  profiles: () => ReadonlyMap<string, unknown>,
): Access {
  if (calls === undefined) return access;
  return {
    ...access,
    admit(caller, question) {
      const { profile = "" } = question;
      // A caller chooses the name, which may be anything where there is no such profile.
      calls.current?.note({ caller: caller.name, ...(profiles().has(profile) ? { profile } : {}) });
      access.admit(caller, question);
    },
    admitMalformed(caller, method) {
      calls.current?.note({ caller: caller.name });
      access.admitMalformed(caller, method);
    },
  };
}

/** The same, with the trace of its call in each event, and a span until it is where it must be. */
export function traceAudit(audit: AuditLog, calls: CallTracing | undefined): AuditLog {
  if (calls === undefined) return audit;
  return {
    append(event, time, until) {
      const call = calls.current;
      // What is counted was caused by many calls.
      if (call === undefined || "count" in event) return audit.append(event, time, until);
      const traced = { ...event, traceparent: call.traceparent };
      return call.during("spool", () => audit.append(traced, time, until), { [ATTRIBUTE.eventType]: event.type });
    },
  };
}

/** Notes the reason for which a token was rejected. */
export function traceRejection(calls: CallTracing | undefined, reason: string): void {
  calls?.current?.note({ reason });
}
