import { type Head, linked, nextPlace } from "./chain.ts";
import { encodeEvent } from "./encode.ts";
import { AuditError, type Happening } from "./event.ts";
import { FRAME_HEADER_BYTES, MAX_BODY_BYTES } from "./frame.ts";

/** An event that waits to be written, and its owner. */
export interface Waiter {
  readonly happening: Happening;
  readonly time: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A group's bodies in their order, their owners, and the chain's end once they are durable. */
export interface LinkedGroup {
  readonly bodies: readonly Buffer[];
  readonly waiters: readonly Waiter[];
  readonly head: Head;
}

/** The bytes that are left for events of tokens, and for all others. */
export interface Room {
  readonly token: number;
  readonly other: number;
}

/** Gives each event its place after `head`. What does not fit into its `room` is rejected and takes no place. */
export function linkGroup(
  group: readonly Waiter[],
  head: Head,
  room: Room,
  newId: (time: number) => string,
): LinkedGroup {
  const bodies: Buffer[] = [];
  const waiters: Waiter[] = [];
  let end = head;
  let taken = 0;
  for (const waiter of group) {
    const place = nextPlace(end);
    const body = encodeEvent(newId(waiter.time), waiter.time, place, waiter.happening);
    const refusal = refuse(body, roomFor(waiter.happening, room) - taken);
    if (refusal !== undefined) {
      waiter.reject(refusal);
      continue;
    }
    taken += FRAME_HEADER_BYTES + body.length;
    end = linked(place, body);
    bodies.push(body);
    waiters.push(waiter);
  }
  return { bodies, waiters, head: end };
}

function roomFor({ type }: Happening, room: Room): number {
  return type.startsWith("token.") ? room.token : room.other;
}

function refuse(body: Buffer, room: number): AuditError | undefined {
  const { length } = body;
  if (length > MAX_BODY_BYTES) {
    return new AuditError("UNAVAILABLE", `an audit event has ${length} bytes; at most ${MAX_BODY_BYTES} are allowed`);
  }
  if (FRAME_HEADER_BYTES + length > room) return new AuditError("FULL", "the audit spool has reached its limit");
  return undefined;
}
