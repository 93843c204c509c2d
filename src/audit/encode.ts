import type { AuditEvent, LoggedPlace } from "./event.ts";
import { EVENT_TYPES } from "./event-types.ts";
import type { EventType } from "./events/event-type.ts";
import { base64, int64, timestamp } from "./proto-json.ts";
import { LEAF_PREFIX } from "./tree/hash.ts";

/**
 * The event's body: the canonical proto3 JSON of `signet.v1.AuditEvent` (int64 as strings, RFC 3339 times, base64,
 * defaults left out). Written by hand because every token has one and the generated codec costs several times as much;
 * a test checks it against the generated code and against an independent implementation.
 */
export function encodeEvent(id: string, time: number, place: LoggedPlace, event: AuditEvent): Buffer {
  return encodeLeaf(id, time, place, event).subarray(LEAF_PREFIX.length);
}

/** The event's body behind the prefix of a leaf, so that hashing the leaf copies nothing. */
export function encodeLeaf(id: string, time: number, place: LoggedPlace, event: AuditEvent): Buffer {
  const { field, encode }: EventType<never> = EVENT_TYPES[event.type];
  const body: Record<string, unknown> = {
    eventId: id,
    time: timestamp(time),
    writer: place.writer,
    epoch: int64(place.epoch),
    seq: int64(place.seq),
    prevHash: base64(place.prevHash),
    // Not int64(): the field is optional, and the first index, 0, is written.
    logIndex: String(place.logIndex),
  };
  // Assigned, because a computed member in the literal would make the whole call a tenth more expensive.
  body[field] = encode(event as never);
  if (event.traceparent !== undefined) body.traceparent = event.traceparent;
  return Buffer.from(LEAF_PREFIX + JSON.stringify(body));
}
