import { createHash } from "node:crypto";
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { type Entry, StateError } from "./keyvalue.ts";
import type { Table } from "./local.ts";

/** The version of the schema, stored in `user_version`. A file without it was not made by {@link createSchema}. */
export const SCHEMA_VERSION = 1;

export function createSchema(database: DatabaseSync): void {
  database.exec(`
    BEGIN EXCLUSIVE;
    CREATE TABLE entries (
      key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, expires_at INTEGER, checksum BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE counter (revision INTEGER NOT NULL) STRICT;
    INSERT INTO counter VALUES (0);
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `);
}

type Row = Record<string, SQLOutputValue>;

/** The table of a database that {@link createSchema} made. Checks every row that it reads against its checksum. */
export function createSqliteTable(database: DatabaseSync): Omit<Table, "look"> {
  const select = database.prepare("SELECT * FROM entries WHERE key = ?");
  // Every character of a key sorts before "~".
  const selectKeys = database.prepare("SELECT key FROM entries WHERE key >= ? AND key < ? ORDER BY revision");
  const selectRevision = database.prepare("SELECT revision FROM counter");
  const selectExpired = database.prepare("SELECT key FROM entries WHERE expires_at <= ? LIMIT ?");
  const count = database.prepare("UPDATE counter SET revision = revision + 1 RETURNING revision");
  const replace = database.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)");
  const remove = database.prepare("DELETE FROM entries WHERE key = ?");

  function transaction<Result>(work: () => Result): Result {
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  return {
    get(key) {
      const row = select.get(key);
      return row === undefined ? undefined : entryOf(row);
    },
    change: (removed, written) =>
      transaction(() => {
        for (const key of removed) remove.run(key);
        return written.map(({ key, value, expiresAt }) => {
          const revision = Number(count.get()?.revision);
          const row = { key, value: Uint8Array.from(value), revision };
          const entry = expiresAt === undefined ? row : { ...row, expiresAt };
          replace.run(key, value, revision, expiresAt ?? null, checksum(entry));
          return entry;
        });
      }),
    expired: (now, limit) => selectExpired.all(now, limit).map((row) => String(row.key)),
    scan(prefix) {
      const last = Number(selectRevision.get()?.revision);
      const keys: string[] = [];
      for (const { key } of selectKeys.iterate(prefix, `${prefix}~`)) keys.push(String(key));
      return read(keys, last);
    },
  };

  function* read(keys: readonly string[], last: number): Generator<Entry> {
    for (const key of keys) {
      const row = select.get(key);
      if (row !== undefined && Number(row.revision) <= last) yield entryOf(row);
    }
  }
}

/** Reads every row, and so checks each against its checksum. Throws CORRUPT. */
export function checkRows(database: DatabaseSync): void {
  for (const row of database.prepare("SELECT * FROM entries").iterate()) entryOf(row);
}

function entryOf({ key, value, revision, expires_at: expiresAt, checksum: stored }: Row): Entry {
  if (typeof key === "string" && value instanceof Uint8Array && typeof revision === "number") {
    const entry = typeof expiresAt === "number" ? { key, value, revision, expiresAt } : { key, value, revision };
    if (stored instanceof Uint8Array && checksum(entry).equals(stored)) return entry;
  }
  throw new StateError(
    "CORRUPT",
    `entry ${JSON.stringify(key)} does not match its checksum: restore the file from a backup`,
  );
}

/** Detects damage by the disk, which SQLite's check of its structure misses. No protection against an attacker. */
function checksum({ key, value, revision, expiresAt }: Entry): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([key, revision, expiresAt ?? null]))
    .update(value)
    .digest();
}
