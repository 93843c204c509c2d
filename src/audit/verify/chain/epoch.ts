import { LogOffsets } from "../log/offsets.ts";
import { OpenLinks } from "./open-links.ts";
import { Places } from "./places.ts";

/** Another event at a place that was taken. */
interface Rival {
  readonly eventId: string;
  readonly at: number;
}

/** Faults are rare, so that only `places` has an item for each event. The others are by `seq`, rivals then by hash. */
export interface Epoch {
  readonly places: Places;
  readonly rivals: Map<number, Map<string, Rival>>;
  readonly open: OpenLinks;
  readonly offsets: LogOffsets;
}

export function newEpoch(): Epoch {
  return { places: new Places(), rivals: new Map(), open: new OpenLinks(), offsets: new LogOffsets() };
}

/** Whether an event with this hash is at the place, be it one of several. */
export function isAt({ places, rivals }: Epoch, seq: number, hash: string): boolean {
  return places.holds(seq, hash) || (rivals.get(seq)?.has(hash) ?? false);
}
