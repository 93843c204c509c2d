import {
  checkKey,
  checkPrefix,
  checkValue,
  type Entry,
  type KeyValue,
  StateError,
  type WriteOptions,
} from "./keyvalue.ts";
import { createWatchers } from "./watchers.ts";

/** Rows of one process. {@link createLocalKeyValue} adds expiry, watches and races. */
export interface Table {
  get(key: string): Entry | undefined;
  /** Writes the row under a revision that was never used before. Durable on return, if the table is. */
  put(key: string, value: Uint8Array, options: WriteOptions): Entry;
  remove(keys: readonly string[]): void;
  /** The keys of all rows whose expiry is at or before `now`. */
  expired(now: number): readonly string[];
  /** All rows whose key begins with `prefix`, by revision. */
  list(prefix: string): readonly Entry[];
}

/** A store of this process alone. Its calls are synchronous inside, so that none interleave. */
export interface LocalKeyValue extends KeyValue {
  /** Ends every watch with UNAVAILABLE, which every later call throws too. */
  close(): void;
}

/** Implements {@link KeyValue} over a table. `now` (Unix milliseconds) decides what has expired. */
export function createLocalKeyValue(table: Table, now: () => number, onClose: () => void): LocalKeyValue {
  const watchers = createWatchers();
  let closed = false;

  const hasExpired = (entry: Entry): boolean => entry.expiresAt !== undefined && entry.expiresAt <= now();

  function liveEntries(prefix: string): Entry[] {
    checkPrefix(prefix);
    return table.list(prefix).filter((entry) => !hasExpired(entry));
  }

  function refuseClosed(): void {
    if (closed) throw new StateError("UNAVAILABLE", "the store is closed");
  }

  function remove(keys: readonly string[]): void {
    if (keys.length === 0) return;
    table.remove(keys);
    for (const key of keys) watchers.publish({ type: "delete", key });
  }

  /** Purges what has expired, and returns the live entry of a key that is about to be written. */
  function beforeWrite(key: string): Entry | undefined {
    refuseClosed();
    checkKey(key);
    remove(table.expired(now()));
    return table.get(key);
  }

  function put(key: string, value: Uint8Array, options: WriteOptions): number {
    checkValue(key, value);
    const entry = table.put(key, value, options);
    watchers.publish({ type: "put", entry });
    return entry.revision;
  }

  return {
    async get(key) {
      refuseClosed();
      checkKey(key);
      const entry = table.get(key);
      return entry === undefined || hasExpired(entry) ? undefined : entry;
    },
    async create(key, value, options = {}) {
      return beforeWrite(key) === undefined ? put(key, value, options) : undefined;
    },
    async update(key, value, revision, options = {}) {
      return beforeWrite(key)?.revision === revision ? put(key, value, options) : undefined;
    },
    async delete(key) {
      if (beforeWrite(key) !== undefined) remove([key]);
    },
    async list(prefix) {
      refuseClosed();
      return liveEntries(prefix);
    },
    watch(prefix, signal) {
      checkPrefix(prefix);
      return watchers.open(prefix, signal, () => liveEntries(prefix));
    },
    close() {
      if (closed) return;
      closed = true;
      watchers.fail(new StateError("UNAVAILABLE", "the store is closed"));
      onClose();
    },
  };
}
