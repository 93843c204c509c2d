import { CodedError } from "../coded-error.ts";
import type { AuditFact } from "./event-types.ts";

/**
 * An event as callers append it, before the log gives it an id and its place in the chain. `traceparent` names the trace
 * of the call that caused it, where there is one.
 */
export type AuditEvent = AuditFact & { readonly traceparent?: string };

/** An event's place in its writer's chain: (writer, epoch, seq) orders the events, `prevHash` links their bodies. */
export interface Place {
  readonly writer: string;
  readonly epoch: number;
  readonly seq: number;
  /** SHA-256 of the previous body; empty for the first event that the writer ever wrote. */
  readonly prevHash: Uint8Array;
}

/** The place of an event that is being written, with its index in its writer's log. */
export interface LoggedPlace extends Place {
  readonly logIndex: number;
}

/** An event and its time in Unix milliseconds. */
export type TimedEvent = readonly [AuditEvent, number];

/** Where an event must be: on stable storage of this machine, or acknowledged by the sink as well. */
export type Until = "durable" | "forwarded";

export interface AuditLog {
  /**
   * Resolves when the event is on stable storage, in one group commit with other waiting events; with `forwarded`, when
   * the sink has acknowledged it too. Rejects with an {@link AuditError} when it is not: the action that the event records
   * must then not become visible. A log that wraps another MUST pass `until` on.
   */
  append(event: AuditEvent, time: number, until?: Until): Promise<void>;
}

/**
 * FULL: the spool has reached its limit for events of this type. TOO_LARGE: no spool takes an event of this size.
 * UNAVAILABLE: the storage failed, or the log is closed. NOT_FORWARDED: the event is durable, and will be forwarded, but
 * the sink has not acknowledged it in time. CORRUPT: stored events are missing, or damaged elsewhere than
 * at a torn end; the message names the file and the offset, or the events.
 */
export type AuditErrorCode = "FULL" | "TOO_LARGE" | "UNAVAILABLE" | "NOT_FORWARDED" | "CORRUPT";

export class AuditError extends CodedError<AuditErrorCode> {}
