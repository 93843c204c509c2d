import { subjectOf } from "../event-header.ts";
import { type AuditEventType, EVENT_TYPES } from "../event-types.ts";
import type { StoredEvent } from "./entry.ts";

/** A message of the stream, without its body. */
interface Label {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Says which header, or that the subject, differs from what the body says; undefined where all agree. Of a type that
 * this version does not know, the subject alone is compared with the header.
 */
export function headerMismatch({ subject, headers }: Label, stored: StoredEvent): string | undefined {
  const expected = {
    "Nats-Msg-Id": stored.eventId,
    "ce-id": stored.eventId,
    "ce-source": `signet/${stored.writer}`,
    "ce-time": stored.time,
    "ce-traceparent": stored.traceparent,
  };
  for (const [name, value] of Object.entries(expected))
    if (headers[name] !== value) return `its header ${name} differs from its body`;
  const type = headers["ce-type"] ?? "";
  if (!isKnownType(type))
    return subject.startsWith(`signet.audit.${type}.`) ? undefined : "its subject differs from its header ce-type";
  const message = stored[EVENT_TYPES[type].field];
  if (typeof message !== "object" || message === null) return "its header ce-type differs from its body";
  const { profile = "" } = message as { readonly profile?: unknown };
  return subject === subjectOf({ type, profile: String(profile) }) ? undefined : "its subject differs from its body";
}

function isKnownType(type: string): type is AuditEventType {
  return Object.hasOwn(EVENT_TYPES, type);
}
