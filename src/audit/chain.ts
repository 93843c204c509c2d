import type { Place } from "./event.ts";
import { sha256 } from "./sha256.ts";

/**
 * The end of a writer's chain: the `seq` of the last linked event (0 before an epoch's first) and the hash of its body.
 */
export type Head = Place;

/** The head of a writer's new epoch. Its first event links to the last body of the previous epoch. */
export function startEpoch(writer: string, epoch: number, prevHash: Uint8Array): Head {
  return { writer, epoch, seq: 0, prevHash };
}

/** The place of the next event. */
export function nextPlace(head: Head): Place {
  return { writer: head.writer, epoch: head.epoch, seq: head.seq + 1, prevHash: head.prevHash };
}

/** The head after an event with this place and this body. */
export function headAfter(place: Place, body: Uint8Array): Head {
  return { writer: place.writer, epoch: place.epoch, seq: place.seq, prevHash: bodyHash(body) };
}

/** SHA-256 of the bytes as stored and published, so that readers can check a link without a canonical form. */
export function bodyHash(body: Uint8Array): Uint8Array {
  return sha256(body);
}
