import { createHash } from "node:crypto";
import { type Entry, type KeyValue, StateError } from "../../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../../src/state/memory.ts";

/** The shared state of a simulated world: it can be lost, rolled back, and be unreachable for some. */
export interface Bucket {
  /** As one replica sees it. */
  seenBy(connected: () => boolean): KeyValue;
  lose(): void;
  /** Keeps how it is now. */
  copy(): Promise<void>;
  /** Puts back how it was at the last `copy`. */
  rollBack(): Promise<void>;
  /** The records that were ever made, by epoch: more than one of an epoch is a fault. */
  readonly records: ReadonlyMap<number, ReadonlySet<string>>;
}

/** With `careless`, every creator of a key gets the answer that it won. */
export function createBucket(now: () => number, careless: boolean): Bucket {
  let store: KeyValue = createMemoryKeyValue(now);
  let copied: readonly Entry[] = [];
  const records = new Map<number, Set<string>>();

  async function create(key: string, value: Uint8Array): Promise<number | undefined> {
    const revision = await store.create(key, value);
    const epoch = Number(/epoch\/(\d+)$/.exec(key)?.[1]);
    const won = revision ?? (careless ? (await store.get(key))?.revision : undefined);
    if (won !== undefined) {
      const hash = createHash("sha256").update(value).digest("hex");
      records.set(epoch, (records.get(epoch) ?? new Set()).add(hash));
    }
    return won;
  }

  return {
    records,
    seenBy(connected) {
      const reach = (): KeyValue => {
        if (connected()) return store;
        throw new StateError("UNAVAILABLE", "cut off");
      };
      return {
        get: async (key) => reach().get(key),
        create: async (key, value) => {
          reach();
          return create(key, value);
        },
        update: async (key, value, revision) => reach().update(key, value, revision),
        writeAll: async (writes) => reach().writeAll(writes),
        delete: async (key) => reach().delete(key),
        list: async (prefix) => reach().list(prefix),
        async *watch(prefix, signal) {
          yield* reach().watch(prefix, signal);
        },
      };
    },
    lose() {
      store = createMemoryKeyValue(now);
    },
    async copy() {
      copied = await store.list("");
    },
    async rollBack() {
      store = createMemoryKeyValue(now);
      for (const { key, value } of copied) await store.create(key, value);
    },
  };
}
