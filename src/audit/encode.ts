import type { AuditEvent, Place } from "./event.ts";
import { EVENT_TYPES, type EventType } from "./event-types.ts";
import { base64, int64, timestamp } from "./proto-json.ts";

/**
 * The event's body: the canonical proto3 JSON of `signet.v1.AuditEvent` (int64 as strings, RFC 3339 times, base64,
 * defaults left out). Written by hand because every token has one and the generated codec costs several times as much;
 * a test checks it against the generated code and against an independent implementation.
 */
export function encodeEvent(id: string, time: number, place: Place, event: AuditEvent): Buffer {
  const { field, encode }: EventType<AuditEvent> = EVENT_TYPES[event.type];
  const body: Record<string, unknown> = {
    eventId: id,
    time: timestamp(time),
    writer: place.writer,
    epoch: int64(place.epoch),
    seq: int64(place.seq),
    prevHash: base64(place.prevHash),
  };
  // Assigned, because a computed member in the literal would make the whole call a tenth more expensive.
  body[field] = encode(event);
  return Buffer.from(JSON.stringify(body));
}
