import { setTimeout as pause } from "node:timers/promises";
import { type KeyValue, StateError } from "../state/keyvalue.ts";
import type { Revocation } from "./revocation.ts";
import { storeRevocation } from "./store-revocation.ts";

const RETRY_MS = 1_000;

/** Gives a store back what it forgot, however long it is out of reach; ends early when the signal aborts. Never rejects. */
export async function storeAgain(
  store: KeyValue,
  forgotten: Iterable<Revocation>,
  signal: AbortSignal,
  problem: (error: unknown) => void,
): Promise<void> {
  for (const revocation of forgotten) {
    while (!signal.aborted) {
      const error = await storeRevocation(store, revocation).catch((error: unknown) => error);
      if (error === undefined) break;
      problem(error);
      // Its watch ends as well, and what it forgot is looked for anew.
      if (error instanceof StateError && error.code === "LOST") return;
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
