import { type Head, headAfter, nextPlace } from "../chain.ts";
import { encodeEvent } from "../encode.ts";
import { AuditError, type AuditEvent } from "../event.ts";
import { headerOf } from "../event-header.ts";
import { FRAME_HEADER_BYTES, MAX_BODY_BYTES } from "./frame.ts";
import type { StoredEvent } from "./reader.ts";

/** An event that waits to be written. */
export interface Waiter {
  readonly event: AuditEvent;
  readonly time: number;
  /** Called once, without an error when the event is durable. */
  readonly settle: (error?: unknown) => void;
}

/** A group's events in order, their waiters, the refused waiters, and the chain's head once the events are durable. */
export interface LinkedGroup {
  readonly events: readonly StoredEvent[];
  readonly accepted: readonly Waiter[];
  readonly refused: readonly { readonly waiter: Waiter; readonly error: AuditError }[];
  readonly head: Head;
}

/** The bytes left for token events, and for all others. */
export interface Room {
  readonly token: number;
  readonly other: number;
}

/**
 * Gives each event its place after `head`, and its number in the spool from `next` on. An event that does not fit into
 * its `room` is refused and gets no place.
 */
export function linkGroup(
  group: readonly Waiter[],
  head: Head,
  next: number,
  room: Room,
  newId: (time: number) => string,
): LinkedGroup {
  const events: StoredEvent[] = [];
  const accepted: Waiter[] = [];
  const refused: { waiter: Waiter; error: AuditError }[] = [];
  let end = head;
  let taken = 0;
  for (const waiter of group) {
    const { event, time } = waiter;
    const place = nextPlace(end);
    const id = newId(time);
    const body = encodeEvent(id, time, place, event);
    const error = refuse(body, roomFor(event, room) - taken);
    if (error !== undefined) {
      refused.push({ waiter, error });
      continue;
    }
    taken += FRAME_HEADER_BYTES + body.length;
    end = headAfter(place, body);
    events.push({ position: next + events.length, body, header: headerOf(id, time, place.writer, event) });
    accepted.push(waiter);
  }
  return { events, accepted, refused, head: end };
}

function roomFor(event: AuditEvent, room: Room): number {
  return isToken(event) ? room.token : room.other;
}

/** Whether the event is about tokens: a full spool takes no more of these. */
export function isToken({ type }: AuditEvent): boolean {
  return type.startsWith("token.");
}

function refuse(body: Buffer, room: number): AuditError | undefined {
  const { length } = body;
  if (length > MAX_BODY_BYTES) {
    return new AuditError("TOO_LARGE", `an audit event has ${length} bytes; at most ${MAX_BODY_BYTES} are allowed`);
  }
  if (FRAME_HEADER_BYTES + length > room) return new AuditError("FULL", "the audit spool has reached its size limit");
  return undefined;
}
