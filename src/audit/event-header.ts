import { AuditError, type AuditEvent } from "./event.ts";
import { type AuditEventType, EVENT_TYPES } from "./event-types.ts";
import { timestamp } from "./proto-json.ts";

/** What publishing needs to know of a body: the CloudEvents attributes, and the profile for the subject. */
export interface EventHeader {
  readonly id: string;
  readonly type: AuditEventType;
  /** The profile that the event concerns; empty where it concerns none. */
  readonly profile: string;
  /** RFC 3339, as in the body. */
  readonly time: string;
  readonly writer: string;
  /** Of the call that caused the event; empty where it has no trace. */
  readonly traceparent: string;
}

/** The header of an event that is being written: what {@link readHeader} would read from its body. */
export function headerOf(id: string, time: number, writer: string, event: AuditEvent): EventHeader {
  const profile = "profile" in event ? event.profile : "";
  return { id, type: event.type, profile, time: timestamp(time), writer, traceparent: event.traceparent ?? "" };
}

/** Reads the header from a body. Throws an {@link AuditError} CORRUPT when the body is not an audit event. */
export function readHeader(body: Uint8Array): EventHeader {
  const stored = parse(body);
  return {
    id: visible(stored.eventId, "eventId"),
    time: visible(stored.time, "time"),
    writer: visible(stored.writer, "writer"),
    traceparent: stored.traceparent === undefined ? "" : visible(stored.traceparent, "traceparent"),
    ...typeAndProfile(stored),
  };
}

/** The subject that an event is published on: `signet.audit.<type>.<profile or _>`. */
export function subjectOf(header: Pick<EventHeader, "type" | "profile">): string {
  return `signet.audit.${header.type}.${subjectToken(header.profile)}`;
}

// The NATS library does not check subjects. A space or CR LF would inject protocol lines, a dot or wildcard would widen
// the subject.
function subjectToken(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : "_";
}

function parse(body: Uint8Array): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw new AuditError("CORRUPT", "a stored audit event is not JSON", { cause });
  }
  throw new AuditError("CORRUPT", "a stored audit event is not a JSON object");
}

const TYPES = Object.keys(EVENT_TYPES) as AuditEventType[];

function typeAndProfile(stored: Record<string, unknown>): Pick<EventHeader, "type" | "profile"> {
  for (const type of TYPES) {
    const message = stored[EVENT_TYPES[type].field];
    if (message) return { type, profile: profileOf(message) };
  }
  throw new AuditError("CORRUPT", "a stored audit event has no known type");
}

function profileOf(message: { readonly profile?: unknown }): string {
  return typeof message.profile === "string" ? message.profile : "";
}

// These become header lines, to which a line break would add others.
function visible(value: unknown, field: string): string {
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new AuditError("CORRUPT", `a stored audit event's ${field} is missing or not visible ASCII`);
}
