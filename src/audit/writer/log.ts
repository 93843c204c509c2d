import type { AuditEvent } from "../event.ts";
import { type ClosingReason, OPENING_REASONS, type OpeningReason } from "../events/writer.ts";

/** How auditors know the log of a writer: by the origin and the verifier key of its checkpoints. */
export interface LogKey {
  readonly origin: string;
  readonly verifierKey: string;
}

/** The log of a writer, and why it began. */
export interface WriterLog extends LogKey {
  readonly reason: OpeningReason;
  /** The writer before, and the origin of its log; empty where there is none. */
  readonly predecessor: string;
  readonly predecessorOrigin: string;
}

/** The writer that begins. */
export interface Successor {
  readonly writer: string;
  readonly log: WriterLog | undefined;
}

/** The first event of a log. */
export function openedEvent(log: WriterLog): AuditEvent {
  return { type: "writer.opened", ...log };
}

/** The last event of a log. Without a successor nothing follows it. */
export function closedEvent(reason: ClosingReason, successor?: Successor): AuditEvent {
  return {
    type: "writer.closed",
    reason,
    successor: successor?.writer ?? "",
    successorOrigin: successor?.log?.origin ?? "",
    successorVerifierKey: successor?.log?.verifierKey ?? "",
  };
}

/** What the last event of a log says of its end. */
export interface Closing {
  readonly reason: string;
  /** Empty where there is none. */
  readonly successor: string;
}

/** The closing of this writer's log, if this is the event; undefined for every other event. */
export function closingIn(body: Uint8Array, writer: string): Closing | undefined {
  const stored = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  if (stored.writer !== writer || stored.writerClosed === undefined) return undefined;
  const { reason = "", successor = "" } = stored.writerClosed;
  return { reason: String(reason), successor: String(successor) };
}

export function isWriterLog(value: unknown): value is WriterLog {
  if (typeof value !== "object" || value === null) return false;
  const { reason, ...texts }: Partial<Record<keyof WriterLog, unknown>> = value;
  const { origin, verifierKey, predecessor, predecessorOrigin } = texts;
  return (
    OPENING_REASONS.some((known) => known === reason) &&
    [origin, verifierKey, predecessor, predecessorOrigin].every((text) => typeof text === "string")
  );
}
