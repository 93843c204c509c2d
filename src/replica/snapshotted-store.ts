import type { Verdict } from "../keys/store/authenticated-record.ts";
import { type Change, type Entry, isUnavailable, type KeyValue } from "../state/keyvalue.ts";
import type { EntriesSnapshot } from "./entries-snapshot.ts";

export interface SnapshottedOptions {
  /** Its epochs have keys `<ring>/<number>`: created once, the highest wins, emptied when superseded. */
  readonly store: KeyValue;
  readonly snapshot: EntriesSnapshot;
  /** What an entry is at its place: any client of the store may have written it. */
  readonly judge: (entry: Pick<Entry, "key" | "value">) => Verdict;
  /** Whether the snapshot may stand in for an unreachable store. */
  readonly mayStandIn: () => boolean;
  /** Called with the keys of the entries that the store had lost, after they were written back. */
  readonly onRestored: (keys: readonly string[]) => void;
}

/**
 * A store of which this replica remembers the newest authentic epoch of each ring. They can be read while the store is
 * unreachable. A store that lost them, or in which they were overwritten, gets them back before a reader receives
 * "current", and while it watches.
 */
export function createSnapshottedStore(options: SnapshottedOptions): KeyValue {
  const { store, snapshot, judge, mayStandIn, onRestored } = options;
  /** The newest epoch of each ring. */
  const newest = new Map<string, Entry>();
  for (const entry of snapshot.all()) {
    const verdict = judge(entry);
    // A replica that was given the wrong KEK must not forget what it will need with the right one.
    if ((verdict === "authentic" || verdict === "unknownKek") && isNewest(entry)) remember(entry);
    else snapshot.forget(entry.key);
  }

  function isNewest({ key }: Entry): boolean {
    const { ring, epoch } = placeOf(key);
    return epoch >= placeOf(newest.get(ring)?.key ?? "").epoch;
  }

  function remember(entry: Entry): void {
    const { ring } = placeOf(entry.key);
    const before = newest.get(ring);
    if (before !== undefined && before.key !== entry.key) snapshot.forget(before.key);
    newest.set(ring, entry);
    snapshot.take(entry);
  }

  /** Remembers an entry of the store if it is an epoch as new as the one that is remembered. */
  function learn(entry: Entry): void {
    if (isNewest(entry) && judge(entry) === "authentic") remember(entry);
  }

  function rememberedUnder(prefix: string): Entry[] {
    return [...newest.values()].filter(({ key }) => key.startsWith(prefix));
  }

  function standsInFor(error: unknown): boolean {
    return snapshot.complete && mayStandIn() && isUnavailable(error);
  }

  /**
   * The entries of the store, with what it lacks of the remembered epochs. They are written back, except where
   * something lies at the next place: then a later epoch was there, or is about to be.
   */
  async function completed(prefix: string, found: readonly Entry[]): Promise<Entry[]> {
    for (const entry of found) learn(entry);
    const byKey = new Map(found.map((entry) => [entry.key, entry]));
    const back: string[] = [];
    for (const entry of rememberedUnder(prefix)) {
      const there = byKey.get(entry.key);
      if (there !== undefined && judge(there) === "authentic") continue;
      byKey.set(entry.key, entry);
      const { ring, epoch } = placeOf(entry.key);
      if (!byKey.has(`${ring}/${epoch + 1}`) && (await writeBack(entry, there))) back.push(entry.key);
    }
    if (back.length > 0) onRestored(back);
    return [...byKey.values()];
  }

  /** Writes the same bytes under the same key, so every replica that remembers them may do so at the same time. */
  async function writeBack({ key, value }: Entry, there: Entry | undefined): Promise<boolean> {
    if (there === undefined) return (await store.create(key, value)) !== undefined;
    // It may be an epoch that another replica can read.
    if (judge(there) === "unknownKek") return false;
    return (await store.update(key, value, there.revision)) !== undefined;
  }

  async function* watchAndGiveBack(prefix: string, signal: AbortSignal): AsyncGenerator<Change> {
    const found: Entry[] = [];
    let current = false;
    for await (const change of store.watch(prefix, signal)) {
      if (change.type === "put") learn(change.entry);
      if (change.type === "put" && !current) found.push(change.entry);
      if (change.type === "current") {
        current = true;
        const read = found.splice(0);
        yield* lacking(read, await completed(prefix, read));
        snapshot.completed();
      }
      if (current && isLoss(change)) await restoreRing(change);
      yield change;
    }
  }

  /** Whether the newest epoch of a ring was deleted or overwritten. */
  function isLoss(change: Change): change is Extract<Change, { type: "put" | "delete" }> {
    if (change.type !== "put" && change.type !== "delete") return false;
    const key = change.type === "put" ? change.entry.key : change.key;
    if (newest.get(placeOf(key).ring)?.key !== key) return false;
    return change.type === "delete" || judge(change.entry) !== "authentic";
  }

  async function restoreRing(change: Extract<Change, { type: "put" | "delete" }>): Promise<void> {
    const prefix = `${placeOf(change.type === "put" ? change.entry.key : change.key).ring}/`;
    await completed(prefix, await store.list(prefix));
  }

  return {
    ...store,
    async create(key, value, writeOptions) {
      const revision = await store.create(key, value, writeOptions);
      if (revision !== undefined) learn({ key, value, revision });
      return revision;
    },
    async update(key, value, revision, writeOptions) {
      const written = await store.update(key, value, revision, writeOptions);
      if (written !== undefined) learn({ key, value, revision: written });
      return written;
    },
    async list(prefix) {
      try {
        const entries = await completed(prefix, await store.list(prefix));
        snapshot.completed();
        return entries;
      } catch (error) {
        // If only writing back failed, what the store listed is remembered, and may be newer.
        if (standsInFor(error)) return rememberedUnder(prefix);
        throw error;
      }
    },
    async *watch(prefix, signal) {
      const remembered = rememberedUnder(prefix);
      let current = false;
      try {
        for await (const change of watchAndGiveBack(prefix, signal)) {
          current ||= change.type === "current";
          yield change;
        }
      } catch (error) {
        if (current || !standsInFor(error)) throw error;
        for (const entry of remembered) yield { type: "put", entry };
        yield { type: "current" };
        throw error;
      }
    },
  };
}

/** The entries that are not among those that were found. */
function* lacking(found: readonly Entry[], entries: readonly Entry[]): Generator<Change> {
  const known = new Set(found);
  for (const entry of entries) if (!known.has(entry)) yield { type: "put", entry };
}

function placeOf(key: string): { readonly ring: string; readonly epoch: number } {
  const slash = key.lastIndexOf("/");
  return { ring: key.slice(0, slash), epoch: Number(key.slice(slash + 1)) };
}
