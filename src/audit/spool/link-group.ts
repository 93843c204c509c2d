import { type Head, headAfter, nextPlace } from "../chain.ts";
import { encodeLeaf } from "../encode.ts";
import { AuditError, type AuditEvent } from "../event.ts";
import { headerOf } from "../event-header.ts";
import { type Edge, grow } from "../tree/edge.ts";
import { LEAF_PREFIX, prefixedLeafHash } from "../tree/hash.ts";
import { FRAME_HEADER_BYTES, MAX_BODY_BYTES } from "./frame.ts";
import type { StoredEvent } from "./reader.ts";

/** An event that waits to be written. */
export interface Waiter {
  readonly event: AuditEvent;
  readonly time: number;
  /** Called once, without an error when the event is durable. */
  readonly settle: (error?: unknown) => void;
}

/** Where a writer's log goes on: the chain's head, the tree's right edge, and the number of the next event in the spool. */
export interface Tip {
  readonly head: Head;
  readonly edge: Edge;
  readonly next: number;
}

/** A group's events in order, their waiters, the refused waiters, and the log's tip once the events are durable. */
export interface LinkedGroup {
  readonly events: readonly StoredEvent[];
  readonly accepted: readonly Waiter[];
  readonly refused: readonly { readonly waiter: Waiter; readonly error: AuditError }[];
  readonly tip: Tip;
}

/** The bytes left for token events, and for all others. */
export interface Room {
  readonly token: number;
  readonly other: number;
}

/**
 * Gives each event its places behind the tip: in the chain, in the tree, and in the spool. An event that does not fit
 * into its `room` is refused and gets no place.
 */
export function linkGroup(
  group: readonly Waiter[],
  tip: Tip,
  room: Room,
  newId: (time: number) => string,
): LinkedGroup {
  const events: StoredEvent[] = [];
  const accepted: Waiter[] = [];
  const refused: { waiter: Waiter; error: AuditError }[] = [];
  let { head, edge, next } = tip;
  let taken = 0;
  for (const waiter of group) {
    const { event, time } = waiter;
    const place = { ...nextPlace(head), logIndex: edge.size };
    const id = newId(time);
    const leaf = encodeLeaf(id, time, place, event);
    const body = leaf.subarray(LEAF_PREFIX.length);
    const error = refuse(body, roomFor(event, room) - taken);
    if (error !== undefined) {
      refused.push({ waiter, error });
      continue;
    }
    taken += FRAME_HEADER_BYTES + body.length;
    head = headAfter(place, body);
    edge = grow(edge, prefixedLeafHash(leaf));
    events.push({ position: next++, body, header: headerOf(id, time, place.writer, event) });
    accepted.push(waiter);
  }
  return { events, accepted, refused, tip: { head, edge, next } };
}

function roomFor(event: AuditEvent, room: Room): number {
  // No event of a log may come before its first one, or after its last: these are few, and fit always.
  if (event.type === "writer.opened" || event.type === "writer.closed") return Number.POSITIVE_INFINITY;
  return isOfCalls(event) ? room.token : room.other;
}

/**
 * Whether calls can cause any number of such events: a full spool takes no more of these. Of a token that is withheld
 * it has the event that it was issued, and no more such tokens follow.
 */
export function isOfCalls({ type }: AuditEvent): boolean {
  return /^(?:token|access|admin)\.(?!withheld$)/.test(type);
}

function refuse(body: Buffer, room: number): AuditError | undefined {
  const { length } = body;
  if (length > MAX_BODY_BYTES) {
    return new AuditError("TOO_LARGE", `an audit event has ${length} bytes; at most ${MAX_BODY_BYTES} are allowed`);
  }
  if (FRAME_HEADER_BYTES + length > room) return new AuditError("FULL", "the audit spool has reached its size limit");
  return undefined;
}
