import type { AuditErrorCode, TimedEvent } from "../audit/event.ts";
import type { AuditReport } from "../audit/pipeline.ts";
import type { Depth } from "../audit/spool/spool.ts";

/** An error on its way from one thread to the other. Without a code it is none of the audit's own. */
export interface SentError {
  readonly code?: AuditErrorCode;
  readonly message: string;
}

/** To the audit's thread. `append` holds what was appended in one turn of the event loop. */
export type ToAudit =
  | { readonly type: "append"; readonly batch: number; readonly items: readonly TimedEvent[] }
  | { readonly type: "depth" }
  | { readonly type: "stop"; readonly deadlineMs: number };

/** From the audit's thread. `appended` names the items of the batch that are not durable, by their index. */
export type FromAudit =
  | { readonly type: "opened" }
  | { readonly type: "failed"; readonly error: SentError }
  | { readonly type: "appended"; readonly batch: number; readonly errors?: ReadonlyMap<number, SentError> }
  | { readonly type: "depth"; readonly depth: Depth }
  | { readonly type: "depth"; readonly error: SentError }
  | { readonly type: "report"; readonly report: AuditReport }
  | { readonly type: "stopped" };
