import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createFileWith } from "../files/durable.ts";
import { FileError } from "../files/file-error.ts";
import { placeOf } from "../files/place.ts";
import { openPrivateFolder } from "../files/private-path.ts";
import { type Entry, MAX_LIVE_VALUE_BYTES, MAX_STATE_VALUE_BYTES, StateError } from "./keyvalue.ts";
import { createLocalKeyValue, type LocalKeyValue, type Table } from "./local.ts";
import { checkRows, createSchema, createSqliteTable, SCHEMA_VERSION } from "./sqlite-table.ts";

/** What a file is for. Plain data, because it is passed to the file's thread. */
export interface FileUse {
  readonly maxValueBytes: number;
  /** How an operator gets out of damage. Nothing overwrites a damaged file: it is evidence, and may still be read. */
  readonly wayOut: string;
}

/** The file with keys, secrets and revocations. */
export const STATE_FILE: FileUse = {
  maxValueBytes: MAX_STATE_VALUE_BYTES,
  wayOut: "move it away, then put back a copy or restore a backup (signet keys restore)",
};

/** The file with what changes with each use of a token. An older copy would forget uses. */
export const LIVE_FILE: FileUse = {
  maxValueBytes: MAX_LIVE_VALUE_BYTES,
  wayOut: "move it away, and put back no copy: one-time tokens that were issued until then count as used",
};

/**
 * Opens the store of one process in one file, and locks it until `close`; the kernel releases the lock when the process
 * dies. Creates the folder (0700) and the file (0600) if they are missing.
 *
 * Throws {@link StateError}: LOCKED when it is open already, in this process or another; CORRUPT when any of it is
 * damaged; EXPOSED when others have any access to the file or its folder; UNAVAILABLE when the disk fails.
 */
export async function openFileKeyValue(path: string, now: () => number, use = STATE_FILE): Promise<LocalKeyValue> {
  const file = { path, ...use };
  try {
    // Only stats the file: opening and closing it would drop the locks that this process has on it (POSIX fcntl).
    openPrivateFolder(dirname(path), /\.db(?:-journal)?$/);
    await stat(path).catch((error) => createIfMissing(path, error));
    // SQLite has no reason of its own for a file that it may not write.
    await access(path, constants.R_OK | constants.W_OK);
    await refuseEmpty(file);
    return openDatabase(file, now);
  } catch (error) {
    throw stateErrorOf(file, error);
  }
}

interface StoreFile extends FileUse {
  readonly path: string;
}

/** SQLite takes an empty file for a new database, and fills it. */
async function refuseEmpty({ path, wayOut }: StoreFile): Promise<void> {
  if ((await stat(path)).size === 0) throw new StateError("CORRUPT", `${path} is damaged: it is empty; ${wayOut}`);
}

/**
 * Created whole or not at all, so that an empty file at `path` always means damage and never "nothing was stored yet".
 */
async function createIfMissing(path: string, reason: NodeJS.ErrnoException): Promise<void> {
  if (reason.code !== "ENOENT") throw reason;
  await createFileWith(path, fillDatabase).catch((error: NodeJS.ErrnoException) => {
    // Another opener created it first.
    if (error.code !== "EEXIST") throw error;
  });
}

function fillDatabase(draft: string): void {
  const database = new DatabaseSync(draft);
  database.exec("PRAGMA synchronous = EXTRA");
  createSchema(database);
  database.close();
}

function openDatabase(file: StoreFile, now: () => number): LocalKeyValue {
  const { path, maxValueBytes } = file;
  const database = openLocked(path);
  try {
    checkDatabase(file, database);
    checkRows(database);
    const table = { ...createSqliteTable(database), look: placeOf(path).look };
    return createLocalKeyValue(withStateErrors(file, table), { now, maxValueBytes, onClose: () => database.close() });
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Uses a rollback journal, not a write-ahead log: every commit is in the one file that is backed up, and damage is
 * detected, while a damaged frame of a log silently drops the commits behind it. EXTRA, because with FULL a power
 * failure may bring back the journal of a committed transaction.
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

function checkDatabase({ path, wayOut }: StoreFile, database: DatabaseSync): void {
  const version = database.prepare("PRAGMA user_version").get()?.user_version;
  if (version !== SCHEMA_VERSION) {
    throw new StateError(
      "CORRUPT",
      `${path} is not a store of this version: it has schema ${version}, this version reads ${SCHEMA_VERSION}`,
    );
  }
  const verdict = database.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
  if (verdict !== "ok") throw new StateError("CORRUPT", `${path} is damaged: ${verdict}; ${wayOut}`);
  const behind = database.prepare("SELECT 1 FROM entries WHERE revision > (SELECT max(revision) FROM counter)").get();
  const counters = database.prepare("SELECT count(*) AS count FROM counter").get()?.count;
  if (behind !== undefined || counters !== 1)
    throw new StateError("CORRUPT", `${path} is damaged: its revision counter is behind its entries`);
}

function withStateErrors(file: StoreFile, table: Table): Table {
  return {
    look: () => asStateError(file, () => table.look()),
    get: (key) => asStateError(file, () => table.get(key)),
    change: (removed, written) => asStateError(file, () => table.change(removed, written)),
    expired: (now, limit) => asStateError(file, () => table.expired(now, limit)),
    scan: (prefix) =>
      eachWithStateErrors(
        file,
        asStateError(file, () => table.scan(prefix)),
      ),
  };
}

function* eachWithStateErrors(file: StoreFile, entries: Iterable<Entry>): Generator<Entry> {
  try {
    yield* entries;
  } catch (error) {
    throw stateErrorOf(file, error);
  }
}

function asStateError<Result>(file: StoreFile, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw stateErrorOf(file, error);
  }
}

// Primary result codes of SQLite (https://sqlite.org/rescode.html).
const BUSY = [5, 6];
// 1 is "no such table" and the like, since the statements are constants.
const DAMAGED = [1, 11, 26];

/** Converts what SQLite or the file system threw into a {@link StateError} that an operator can act on. */
function stateErrorOf({ path, wayOut }: StoreFile, cause: unknown): StateError {
  if (cause instanceof StateError) return cause;
  if (cause instanceof FileError)
    return new StateError(cause.code === "EXPOSED" ? "EXPOSED" : "UNAVAILABLE", cause.message, { cause });
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "errcode" in cause ? Number(cause.errcode) & 0xff : undefined;
  if (code !== undefined && BUSY.includes(code)) {
    return new StateError("LOCKED", `${path} is in use: only one process may have it open at a time`, { cause });
  }
  // Only a damaged number is too large for JavaScript.
  const outOfRange = cause instanceof Error && "code" in cause && cause.code === "ERR_OUT_OF_RANGE";
  if (outOfRange || (code !== undefined && DAMAGED.includes(code))) {
    return new StateError("CORRUPT", `${path} is damaged: ${reason}; ${wayOut}`, { cause });
  }
  return new StateError("UNAVAILABLE", `${path} can't be used: ${reason}`, { cause });
}
