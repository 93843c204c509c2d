import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createFileWith } from "../files/durable.ts";
import { exposedText, isExposed } from "../files/private-file.ts";
import { StateError } from "./keyvalue.ts";
import { createLocalKeyValue, type LocalKeyValue, type Table } from "./local.ts";
import { createSchema, createSqliteTable, schemaVersion } from "./sqlite-table.ts";

/**
 * The store in one file, for one process: locked from here to `close`, and by the kernel released when the process dies.
 * Makes the folder (0700) and the file (0600) where they are missing.
 *
 * Throws {@link StateError}: LOCKED when anyone else has it open, this process included; CORRUPT when any of it is
 * damaged; EXPOSED when group or others have any right to the file or its folder; UNAVAILABLE when the disk fails.
 */
export async function openFileKeyValue(path: string, now: () => number): Promise<LocalKeyValue> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await refuseExposed(dirname(path), "700");
    await stat(path).catch((error) => createIfMissing(path, error));
    await refuseExposed(path, "600");
    return openDatabase(path, now);
  } catch (error) {
    throw stateErrorOf(path, error);
  }
}

/** Only stat: to open and close the file would drop the locks that this process holds on it (POSIX fcntl). */
async function refuseExposed(path: string, mode: "600" | "700"): Promise<void> {
  if (isExposed(await stat(path))) throw new StateError("EXPOSED", exposedText(path, mode));
}

/** Whole or not at all, so that an empty file at `path` can only mean damage and never "nothing was stored yet". */
async function createIfMissing(path: string, reason: NodeJS.ErrnoException): Promise<void> {
  if (reason.code !== "ENOENT") throw reason;
  await createFileWith(path, fillDatabase).catch((error: NodeJS.ErrnoException) => {
    // Another opener was faster: its database is as good.
    if (error.code !== "EEXIST") throw error;
  });
}

function fillDatabase(draft: string): void {
  const database = new DatabaseSync(draft);
  database.exec("PRAGMA synchronous = EXTRA");
  createSchema(database);
  database.close();
}

function openDatabase(path: string, now: () => number): LocalKeyValue {
  const database = openLocked(path);
  try {
    checkDatabase(path, database);
    const table = createSqliteTable(database);
    table.under(""); // reads, and so checks, every row
    return createLocalKeyValue(explainedTable(path, table), now, () => database.close());
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * A rollback journal, not a write-ahead log: every commit is in the one file that is backed up, and damage is found,
 * where a damaged frame of a log silently takes the commits behind it. EXTRA: with FULL alone a power failure may
 * bring back the journal of a transaction that was committed.
 */
function openLocked(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;
      BEGIN EXCLUSIVE; COMMIT;
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function checkDatabase(path: string, database: DatabaseSync): void {
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  if (version !== schemaVersion) {
    throw new StateError(
      "CORRUPT",
      `${path} is not a store of this version: schema ${version}, allowed is ${schemaVersion}`,
    );
  }
  const verdict = database.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
  if (verdict !== "ok") throw new StateError("CORRUPT", `${path} is damaged: ${verdict}; restore it from a backup`);
  const behind = database.prepare("SELECT 1 FROM entries WHERE revision > (SELECT max(revision) FROM counter)").get();
  const counters = database.prepare("SELECT count(*) AS count FROM counter").get()?.count;
  if (behind !== undefined || counters !== 1)
    throw new StateError("CORRUPT", `${path} is damaged: its revision counter is behind`);
}

function explainedTable(path: string, table: Table): Table {
  return {
    get: (key) => explained(path, () => table.get(key)),
    put: (key, value, options) => explained(path, () => table.put(key, value, options)),
    remove: (keys) => explained(path, () => table.remove(keys)),
    expired: (now) => explained(path, () => table.expired(now)),
    under: (prefix) => explained(path, () => table.under(prefix)),
  };
}

function explained<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw stateErrorOf(path, error);
  }
}

// Primary result codes of SQLite (https://sqlite.org/rescode.html).
const BUSY = [5, 6];
// 1: "no such table" and the like, since our statements are constants.
const DAMAGED = [1, 11, 26];

/** What SQLite or the file system threw, as a {@link StateError} that an operator can act on. */
function stateErrorOf(path: string, cause: unknown): StateError {
  if (cause instanceof StateError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : undefined;
  if (code !== undefined && BUSY.includes(code)) {
    return new StateError("LOCKED", `${path} is in use: only one process may have it open at a time`, { cause });
  }
  // A number too large for JavaScript can only be a damaged one.
  const outOfRange = cause instanceof Error && "code" in cause && cause.code === "ERR_OUT_OF_RANGE";
  if (outOfRange || (code !== undefined && DAMAGED.includes(code))) {
    return new StateError("CORRUPT", `${path} is damaged: ${reason}; restore it from a backup`, { cause });
  }
  return new StateError("UNAVAILABLE", `${path} can't be used: ${reason}`, { cause });
}
