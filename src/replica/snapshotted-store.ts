import { type Change, type Entry, isUnavailable, type KeyValue } from "../state/keyvalue.ts";
import type { EntriesSnapshot } from "./entries-snapshot.ts";

export interface SnapshottedOptions {
  /**
   * Every entry that is read MUST be an epoch: `<ring>/<number>`, created once, the highest wins, emptied when
   * superseded.
   */
  readonly store: KeyValue;
  readonly snapshot: EntriesSnapshot;
  /** Whether the snapshot may stand in for an unreachable store. */
  readonly mayStandIn: () => boolean;
  /** Called with the keys of the entries that the store had lost, after they were written back. */
  readonly onRestored: (keys: readonly string[]) => void;
}

/**
 * A store whose epochs this replica remembers. They can be read while the store is unreachable. A store that was lost
 * or rolled back gets them back before a reader receives "current".
 */
export function createSnapshottedStore({ store, snapshot, mayStandIn, onRestored }: SnapshottedOptions): KeyValue {
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
    async writeAll(writes) {
      const revisions = await store.writeAll(writes);
      for (const [at, { key, value }] of writes.entries()) {
        const revision = revisions[at];
        if (revision !== undefined) snapshot.take({ key, value, revision });
      }
      return revisions;
    },
    async list(prefix) {
      const remembered = rememberedUnder(prefix);
      try {
        const entries = await store.list(prefix);
        for (const entry of entries) snapshot.take(entry);
        return [...entries, ...(await complete(remembered, entries))];
      } catch (error) {
        // Read again: if only writing back failed, the snapshot has what the store listed, which may be newer.
        if (standsInFor(error)) return rememberedUnder(prefix);
        throw error;
      }
    },
    async *watch(prefix, signal) {
      const remembered = rememberedUnder(prefix);
      let current = false;
      try {
        for await (const change of watchAndGiveBack(prefix, signal, remembered)) {
          current ||= change.type === "current";
          yield change;
        }
      } catch (error) {
        if (current || !standsInFor(error)) throw error;
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
    let found: Entry[] | undefined = [];
    for await (const change of store.watch(prefix, signal)) {
      if (change.type === "put") {
        snapshot.take(change.entry);
        found?.push(change.entry);
      }
      if (change.type === "current") {
        yield* puts(await complete(remembered, found ?? []));
        found = undefined;
      }
      yield change;
    }
  }

  function rememberedUnder(prefix: string): Entry[] {
    return snapshot.all().filter(({ key }) => key.startsWith(prefix));
  }

  function standsInFor(error: unknown): boolean {
    return snapshot.complete && mayStandIn() && isUnavailable(error);
  }

  /** Writes back what the store lacks, and returns it. */
  async function complete(remembered: readonly Entry[], found: readonly Entry[]): Promise<Entry[]> {
    const back = await writeBack(store, forgotten(remembered, found));
    if (back.length > 0) onRestored(back.map(({ key }) => key));
    snapshot.completed();
    return back;
  }
}

function* puts(entries: readonly Entry[]): Generator<Change> {
  for (const entry of entries) yield { type: "put", entry };
}

/** The remembered entries of rings that have nothing as new in the store. */
function forgotten(remembered: readonly Entry[], found: readonly Entry[]): Entry[] {
  const newest = new Map<string, number>();
  for (const { ring, epoch } of found.map(({ key }) => placeOf(key)))
    newest.set(ring, Math.max(newest.get(ring) ?? 0, epoch));
  return remembered.filter(({ key }) => {
    const { ring, epoch } = placeOf(key);
    return epoch > (newest.get(ring) ?? 0);
  });
}

/** Writes the same bytes under the same keys, so every replica that remembers them may do so at the same time. */
async function writeBack(store: KeyValue, entries: readonly Entry[]): Promise<Entry[]> {
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
