import { timestamp } from "./encode.ts";
import { AuditError, type AuditEvent } from "./event.ts";

/** What publishing needs of a stored body: the CloudEvents attributes, and the profile for the subject. */
export interface EventHeader {
  readonly id: string;
  readonly type: AuditEvent["type"];
  /** The profile that the event is about; empty when it is about none. */
  readonly profile: string;
  /** RFC 3339, as in the body. */
  readonly time: string;
  readonly writer: string;
}

interface StoredEvent {
  readonly eventId?: unknown;
  readonly time?: unknown;
  readonly writer?: unknown;
  readonly tokenIssued?: { readonly profile?: unknown };
  readonly tokenDenied?: { readonly profile?: unknown };
  readonly tokenRevoked?: { readonly profile?: unknown };
  readonly keyRotated?: object;
  readonly keyImported?: { readonly profile?: unknown };
  readonly keyRevoked?: { readonly profile?: unknown };
  readonly configurationChanged?: object;
  readonly serviceStarted?: object;
  readonly serviceStopped?: object;
}

/** The header of an event that is being written: what {@link readHeader} would read from its body. */
export function headerOf(id: string, time: number, writer: string, event: AuditEvent): EventHeader {
  const profile = "profile" in event ? event.profile : "";
  return { id, type: event.type, profile, time: timestamp(time), writer };
}

/** Reads the header from a body; throws an {@link AuditError} CORRUPT when the body is not an audit event. */
export function readHeader(body: Uint8Array): EventHeader {
  const stored = parse(body);
  return {
    id: visible(stored.eventId, "eventId"),
    time: visible(stored.time, "time"),
    writer: visible(stored.writer, "writer"),
    ...kind(stored),
  };
}

/** The subject that an event is published on: `signet.audit.<type>.<profile or _>`. */
export function subjectOf(header: Pick<EventHeader, "type" | "profile">): string {
  return `signet.audit.${header.type}.${subjectToken(header.profile)}`;
}

// A space, CR LF, dot or wildcard in a subject would inject protocol lines or widen it, and the NATS library lets it pass.
function subjectToken(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : "_";
}

function parse(body: Uint8Array): StoredEvent {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw new AuditError("CORRUPT", "a stored audit event is not JSON", { cause });
  }
  throw new AuditError("CORRUPT", "a stored audit event is not a JSON object");
}

function kind(stored: StoredEvent): Pick<EventHeader, "type" | "profile"> {
  if (stored.tokenIssued) return { type: "token.issued", profile: name(stored.tokenIssued.profile) };
  if (stored.tokenDenied) return { type: "token.denied", profile: name(stored.tokenDenied.profile) };
  if (stored.tokenRevoked) return { type: "token.revoked", profile: name(stored.tokenRevoked.profile) };
  if (stored.keyRotated) return { type: "key.rotated", profile: "" };
  if (stored.keyImported) return { type: "key.imported", profile: name(stored.keyImported.profile) };
  if (stored.keyRevoked) return { type: "key.revoked", profile: name(stored.keyRevoked.profile) };
  if (stored.configurationChanged) return { type: "configuration.changed", profile: "" };
  if (stored.serviceStarted) return { type: "service.started", profile: "" };
  if (stored.serviceStopped) return { type: "service.stopped", profile: "" };
  throw new AuditError("CORRUPT", "a stored audit event has no known detail");
}

function name(value: unknown): string {
  return typeof value === "string" ? value : "";
}

// These become header lines: a line break in one would let it add others.
function visible(value: unknown, field: string): string {
  if (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new AuditError("CORRUPT", `a stored audit event's ${field} is absent or not visible ASCII`);
}
