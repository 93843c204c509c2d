import type { AuditErrorCode, TimedEvent } from "../audit/event.ts";
import type { AuditReport } from "../audit/pipeline.ts";
import type { Depth } from "../audit/spool/retention.ts";

/** An error as it is sent to the other thread. Only an AuditError has a code. */
export interface SentError {
  readonly code?: AuditErrorCode;
  readonly message: string;
  /** The message of its cause. */
  readonly cause?: string;
}

/** To the audit thread. `append` has events of one turn of the event loop. */
export type ToAudit =
  | { readonly type: "append"; readonly batch: number; readonly items: readonly TimedEvent[] }
  | { readonly type: "depth" }
  | { readonly type: "examine"; readonly probe: boolean }
  | { readonly type: "join"; readonly installation: string }
  | { readonly type: "stop"; readonly deadlineMs: number };

/**
 * From the audit thread. `appended` has the errors of the items that are not durable, by their index in the batch;
 * `full` says whether events of tokens are refused.
 */
export type FromAudit =
  | {
      readonly type: "opened";
      readonly full: boolean;
      readonly writer: string;
      readonly acceptedLoss: string | undefined;
    }
  | { readonly type: "failed"; readonly error: SentError }
  | { readonly type: "appended"; readonly batch: number; readonly errors?: ReadonlyMap<number, SentError> }
  | { readonly type: "depth"; readonly depth: Depth }
  | { readonly type: "depth"; readonly error: SentError }
  | { readonly type: "examined"; readonly full: boolean; readonly error?: SentError }
  | { readonly type: "joined"; readonly error?: SentError }
  | { readonly type: "report"; readonly report: AuditReport }
  | { readonly type: "stopped" };
