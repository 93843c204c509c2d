import { type Entry, MAX_STATE_VALUE_BYTES } from "./keyvalue.ts";
import { createLocalKeyValue, type LocalKeyValue, type Table } from "./local.ts";

/** A store that lasts as long as its process: for tests and experiments. */
export function createMemoryKeyValue(now: () => number, maxValueBytes = MAX_STATE_VALUE_BYTES): LocalKeyValue {
  return createLocalKeyValue(createMemoryTable(), { now, maxValueBytes, onClose: () => {} });
}

function createMemoryTable(): Table {
  const rows = new Map<string, Entry>();
  let lastRevision = 0;
  return {
    look() {},
    get: (key) => rows.get(key),
    change(removed, written) {
      for (const key of removed) rows.delete(key);
      return written.map(({ key, value, expiresAt }) => {
        lastRevision += 1;
        // Copied, so that a caller that reuses its buffer does not change what is stored.
        const row = { key, value: Uint8Array.from(value), revision: lastRevision };
        const entry = expiresAt === undefined ? row : { ...row, expiresAt };
        rows.delete(key);
        rows.set(key, entry);
        return entry;
      });
    },
    expired(now, limit) {
      const expired = [...rows.values()].filter(({ expiresAt = Infinity }) => expiresAt <= now);
      return expired.slice(0, limit).map(({ key }) => key);
    },
    // A Map keeps the order of writes, which is the order of revisions.
    scan: (prefix) => [...rows.values()].filter((entry) => entry.key.startsWith(prefix)),
  };
}
