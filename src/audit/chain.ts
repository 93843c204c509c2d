import { hash } from "node:crypto";
import type { Place } from "./event.ts";

/** The end of a writer's chain: `seq` and `prevHash` are of the last event that is linked (0 before an epoch's first). */
export type Head = Place;

/** The head from which a writer's new epoch goes on: it links to the last body of the epoch before. */
export function startEpoch(writer: string, epoch: number, prevHash: Uint8Array): Head {
  return { writer, epoch, seq: 0, prevHash };
}

/** The place of the next event. */
export function nextPlace(head: Head): Place {
  return { writer: head.writer, epoch: head.epoch, seq: head.seq + 1, prevHash: head.prevHash };
}

/** The head once an event with this place and this body is linked. */
export function linked(place: Place, body: Uint8Array): Head {
  return { writer: place.writer, epoch: place.epoch, seq: place.seq, prevHash: bodyHash(body) };
}

/** SHA-256 of the bytes as they are stored and published: readers need no canonical form to check a link. */
export function bodyHash(body: Uint8Array): Uint8Array {
  return hash("sha256", body, "buffer");
}
