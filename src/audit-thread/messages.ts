import type { AuditErrorCode, TimedEvent } from "../audit/event.ts";
import type { AuditReport, MadeCheckpoint, SignedCounts } from "../audit/pipeline.ts";
import type { Depth } from "../audit/spool/retention.ts";
import type { WriterLog } from "../audit/writer/log.ts";
import type { Keks } from "../jose/kek.ts";
import type { NatsAccess } from "../nats/access.ts";

/** Where events are stored and where they are sent. Plain data, because it is passed to another thread. */
export interface AuditSettings {
  readonly folder: string;
  readonly maxBytes: number;
  /** The installation that the spool is known to belong to. */
  readonly installation: string | undefined;
  /** What the operator accepts to be missing, e.g. `events:8-12`. */
  readonly acceptLosses: readonly string[];
  /** Whether the log is opened to be closed. */
  readonly closing?: boolean;
  /** When undefined, events stay in the spool. */
  readonly nats: { readonly access: NatsAccess; readonly replicas: number; readonly horizonMs: number } | undefined;
  /** The host of the issuer, with its port if it has one, and what seals the keys of logs. Undefined: they have none. */
  readonly log?: { readonly host: string; readonly keks: Keks };
  /** Whether it is reported when events of recorded calls are stored in NATS. */
  readonly traced: boolean;
}

/** An error as it is sent to the other thread. Only an AuditError has a code. */
export interface SentError {
  readonly code?: AuditErrorCode;
  readonly message: string;
  /** The message of its cause. */
  readonly cause?: string;
}

/**
 * To the audit thread. `append` has events of one turn of the event loop. `follow` asks to be told when NATS has every
 * event up to a position. `registered` says that the key of this writer's log is in the state that replicas share.
 * `counts` are of what was signed before the message was sent.
 */
export type ToAudit =
  | { readonly type: "append"; readonly batch: number; readonly items: readonly TimedEvent[] }
  | { readonly type: "follow"; readonly position: number }
  | { readonly type: "depth" }
  | { readonly type: "examine"; readonly probe: boolean }
  | { readonly type: "join"; readonly installation: string }
  | { readonly type: "registered"; readonly writer: string }
  | { readonly type: "checkpoint"; readonly request: number; readonly counts: SignedCounts; readonly asked: boolean }
  | { readonly type: "rotate"; readonly counts: SignedCounts }
  | { readonly type: "close-log"; readonly counts: SignedCounts }
  | { readonly type: "stop"; readonly deadlineMs: number; readonly counts: SignedCounts };

/**
 * From the audit thread. `appended` has the errors of the items that are not durable, by their index in the batch, and
 * a position up to which all of the others are; `full` says whether events of tokens are refused. Positions are numbers
 * of events in the spool.
 */
export type FromAudit =
  | {
      readonly type: "opened";
      readonly full: boolean;
      readonly last: number;
      readonly writer: string;
      readonly log: WriterLog | undefined;
      readonly acceptedLoss: string | undefined;
    }
  | { readonly type: "writer"; readonly writer: string; readonly log: WriterLog | undefined }
  | { readonly type: "failed"; readonly error: SentError }
  | {
      readonly type: "appended";
      readonly batch: number;
      readonly last: number;
      readonly errors?: ReadonlyMap<number, SentError>;
    }
  | { readonly type: "followed"; readonly position: number }
  | { readonly type: "depth"; readonly depth: Depth }
  | { readonly type: "depth"; readonly error: SentError }
  | { readonly type: "examined"; readonly full: boolean; readonly error?: SentError }
  | { readonly type: "joined"; readonly error?: SentError }
  | {
      readonly type: "checkpointed";
      readonly request: number;
      readonly checkpoint?: MadeCheckpoint | undefined;
      readonly error?: SentError;
    }
  | { readonly type: "rotated"; readonly error?: SentError }
  | { readonly type: "log-closed"; readonly published: boolean }
  | { readonly type: "log-closed"; readonly error: SentError }
  | { readonly type: "report"; readonly report: AuditReport }
  | { readonly type: "stopped" };
