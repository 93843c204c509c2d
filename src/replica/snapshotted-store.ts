import { type Change, type Entry, type KeyValue, StateError } from "../state/keyvalue.ts";
import type { EntriesSnapshot } from "./entries-snapshot.ts";

export interface SnapshottedOptions {
  /** All that is read of it MUST be epochs: `<ring>/<number>`, made once, the highest wins, emptied when superseded. */
  readonly store: KeyValue;
  readonly snapshot: EntriesSnapshot;
  /** Whether the snapshot may stand in for a store that is out of reach. */
  readonly mayStandIn: () => boolean;
  /** Told what the store had forgotten, once it is back in it. */
  readonly restored: (keys: readonly string[]) => void;
}

/**
 * A store whose epochs this replica remembers: they can be read before the store is in reach, and a store that was lost or
 * rolled back gets them back before a reader is told that it has read all.
 */
export function snapshottedStore({ store, snapshot, mayStandIn, restored }: SnapshottedOptions): KeyValue {
  return {
    get: (key) => store.get(key),
    delete: (key) => store.delete(key),
    async create(key, value, options) {
      const revision = await store.create(key, value, options);
      if (revision !== undefined) snapshot.take({ key, value, revision });
      return revision;
    },
    async update(key, value, revision, options) {
      const written = await store.update(key, value, revision, options);
      if (written !== undefined) snapshot.take({ key, value, revision: written });
      return written;
    },
    async *watch(prefix, signal) {
      const remembered = snapshot.all().filter(({ key }) => key.startsWith(prefix));
      let current = false;
      try {
        for await (const change of watchAndGiveBack(prefix, signal, remembered)) {
          current ||= change.type === "current";
          yield change;
        }
      } catch (error) {
        if (current || !snapshot.complete || !mayStandIn() || !isOutage(error)) throw error;
        yield* puts(remembered);
        yield { type: "current" };
        throw error;
      }
    },
  };

  async function* watchAndGiveBack(
    prefix: string,
    signal: AbortSignal,
    remembered: readonly Entry[],
  ): AsyncGenerator<Change> {
    let told: string[] | undefined = [];
    for await (const change of store.watch(prefix, signal)) {
      if (change.type === "put") {
        snapshot.take(change.entry);
        told?.push(change.entry.key);
      }
      if (change.type === "current") {
        const back = await giveBack(store, forgotten(remembered, told ?? []));
        told = undefined;
        yield* puts(back);
        if (back.length > 0) restored(back.map(({ key }) => key));
        snapshot.completed();
      }
      yield change;
    }
  }
}

function* puts(entries: readonly Entry[]): Generator<Change> {
  for (const entry of entries) yield { type: "put", entry };
}

/** What is remembered of rings that have nothing as new in the store. */
function forgotten(remembered: readonly Entry[], told: readonly string[]): Entry[] {
  const newest = new Map<string, number>();
  for (const { ring, epoch } of told.map(placeOf)) newest.set(ring, Math.max(newest.get(ring) ?? 0, epoch));
  return remembered.filter(({ key }) => {
    const { ring, epoch } = placeOf(key);
    return epoch > (newest.get(ring) ?? 0);
  });
}

/** Exactly the bytes, at the same place: all who remember it may do so at once. */
async function giveBack(store: KeyValue, entries: readonly Entry[]): Promise<Entry[]> {
  const back: Entry[] = [];
  for (const entry of entries) {
    const revision = await store.create(entry.key, entry.value);
    if (revision !== undefined) back.push({ ...entry, revision });
  }
  return back;
}

function placeOf(key: string): { readonly ring: string; readonly epoch: number } {
  const slash = key.lastIndexOf("/");
  return { ring: key.slice(0, slash), epoch: Number(key.slice(slash + 1)) };
}

function isOutage(error: unknown): boolean {
  return error instanceof StateError && error.code === "UNAVAILABLE";
}
