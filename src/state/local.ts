import {
  checkKey,
  checkPrefix,
  checkWrites,
  type Entry,
  type EntryWrite,
  type KeyValue,
  StateError,
} from "./keyvalue.ts";
import { createWatchers } from "./watchers.ts";

/** Rows of one process. {@link createLocalKeyValue} adds expiry, watches and races. */
export interface Table {
  /** Throws when another process would not find what this one has written. */
  look(): void;
  get(key: string): Entry | undefined;
  /**
   * Removes rows, then writes others, each under a revision that was never used before: all of it or nothing. Durable
   * on return, if the table is.
   */
  change(removed: readonly string[], written: readonly EntryWrite[]): readonly Entry[];
  /** The keys of rows whose expiry is at or before `now`, at most `limit`. */
  expired(now: number, limit: number): readonly string[];
  /**
   * The rows whose key begins with `prefix`, by revision. They are those of the moment of the call, but each is read
   * when its turn comes, so that a large table does not have to fit into memory. One that was changed by then is left
   * out.
   */
  scan(prefix: string): Iterable<Entry>;
}

/** A store of this process alone. Its calls are synchronous inside, so that none interleave. */
export interface LocalKeyValue extends KeyValue {
  /** Ends every watch with UNAVAILABLE, which every later call throws too. */
  close(): void;
}

/** How many expired entries a write removes: if 10⁵ end at once, no call has to wait for all of them. */
const PURGED_PER_WRITE = 200;

export interface LocalOptions {
  /** Unix milliseconds; decides what has expired. */
  readonly now: () => number;
  readonly maxValueBytes: number;
  readonly onClose: () => void;
}

/** Implements {@link KeyValue} over a table. */
export function createLocalKeyValue(table: Table, { now, maxValueBytes, onClose }: LocalOptions): LocalKeyValue {
  const watchers = createWatchers();
  let closed = false;

  const hasExpired = (entry: Entry): boolean => entry.expiresAt !== undefined && entry.expiresAt <= now();

  function* live(entries: Iterable<Entry>): Generator<Entry> {
    for (const entry of entries) if (!hasExpired(entry)) yield entry;
  }

  function refuseClosed(): void {
    if (closed) throw new StateError("UNAVAILABLE", "the store is closed");
  }

  function liveEntry(key: string): Entry | undefined {
    const entry = table.get(key);
    return entry === undefined || hasExpired(entry) ? undefined : entry;
  }

  /** Removes and writes entries, and purges some that have expired, in the same transaction. */
  function change(removed: readonly string[], writes: readonly EntryWrite[]): number[] {
    // Before the change too: after a crash its journal would be applied to the file that has taken the place.
    table.look();
    const gone = [...removed, ...table.expired(now(), PURGED_PER_WRITE)];
    const written = table.change(gone, writes);
    for (const key of gone) watchers.publish({ type: "delete", key });
    for (const entry of written) watchers.publish({ type: "put", entry });
    // Last: what was written is in use here, but must not be answered unless the next process finds it.
    table.look();
    return written.map(({ revision }) => revision);
  }

  /** All of the writes, or none when one of them conflicts with what is stored. */
  function write(writes: readonly EntryWrite[]): readonly number[] | undefined {
    refuseClosed();
    checkWrites(writes, maxValueBytes);
    const fit = writes.every(({ key, revision }) => liveEntry(key)?.revision === revision);
    return fit ? change([], writes) : undefined;
  }

  return {
    async get(key) {
      refuseClosed();
      checkKey(key);
      return liveEntry(key);
    },
    async create(key, value, options = {}) {
      return write([{ key, value, ...options }])?.[0];
    },
    async update(key, value, revision, options = {}) {
      return write([{ key, value, revision, ...options }])?.[0];
    },
    async writeAll(writes) {
      return write(writes) ?? writes.map(() => undefined);
    },
    async delete(key) {
      refuseClosed();
      checkKey(key);
      if (liveEntry(key) !== undefined) change([key], []);
    },
    async list(prefix) {
      refuseClosed();
      checkPrefix(prefix);
      return [...live(table.scan(prefix))];
    },
    watch(prefix, signal) {
      checkPrefix(prefix);
      return watchers.open(prefix, signal, () => live(table.scan(prefix)));
    },
    close() {
      if (closed) return;
      closed = true;
      watchers.fail(new StateError("UNAVAILABLE", "the store is closed"));
      onClose();
    },
  };
}
