import { type Entry, StateError } from "../state/keyvalue.ts";

/** The prefixes of the sessions' entries in the live store. */
export const LEASES = "lease/";
export const COUNTERS = "counter/";

/** How long an entry stays that says nothing any more: a lapsed lease, an empty counter. */
export const REMNANT_MS = 60_000;

export function unreadable({ key }: Entry): StateError {
  return new StateError("CORRUPT", `${key} is not an entry of sessions that this version can read`);
}

export function throwUnreadable(entry: Entry): never {
  throw unreadable(entry);
}
