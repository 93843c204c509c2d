import { holdsSecrets } from "../keyring/secrets.ts";
import type { KeyValue } from "../state/keyvalue.ts";
import type { SharedState } from "./shared-state.ts";

/** A replica alone: its state is its own, always in reach, and in agreement with its clock. */
export function fileState(store: KeyValue, keysets: readonly string[]): SharedState {
  return {
    store,
    secrets: store,
    async sealedBefore() {
      // Epochs are never deleted: where there was a first one, keys are sealed.
      const firsts = await Promise.all(keysets.map((name) => store.get(`keys/${name}/epoch/1`)));
      return firsts.some((entry) => entry !== undefined) || (await holdsSecrets(store));
    },
    firstStart: true,
    ringSnapshot: () => undefined,
    revocations: undefined,
    mayRetry: () => false,
    reached: async () => {},
    opened: () => {},
    announce: () => {},
    late: () => [],
    replicas: { live: () => [], silent: () => [], seek: async () => {} },
    lastHeard: undefined,
    ageMs: () => 0,
    clockOffsetMs: () => undefined,
    waitsFor: () => [],
    requireRightClock: () => {},
    requireFit: () => {},
    start: () => {},
    stop: async () => {},
  };
}
