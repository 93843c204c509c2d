import { createSharedReload } from "../async/shared-reload.ts";
import { StateError } from "../state/keyvalue.ts";
import { KeyringError } from "./error.ts";

/** How long a caller waits for a reload, and for how long at most no other one starts. In milliseconds. */
export const RELOAD = { wait: 250, coolDown: 5_000 } as const;

/**
 * Reads the store again for callers that met an unknown kid, in case the watch of the store has not brought its key
 * yet: see {@link createSharedReload}. A key that a token needs must have been in the store for the cool-down. Rejects
 * with {@link KeyringError} UNREADABLE for a caller that has waited for the bound: the kid may be known to the store.
 */
export function createStoreReload(
  reload: () => Promise<void>,
  now: () => number,
  coolDown: number = RELOAD.coolDown,
): () => Promise<void> | undefined {
  return createSharedReload({ reload, now, coolDown, wait: RELOAD.wait, onLate: throwLate });
}

function throwLate(): never {
  // The store is the cause, as for callers of a reload that failed.
  const cause = new StateError("UNAVAILABLE", "it does not answer in time");
  throw new KeyringError("UNREADABLE", `the store was not read within ${RELOAD.wait} ms`, { cause });
}
