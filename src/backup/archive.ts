import { CodedError } from "../coded-error.ts";
import { type RecordKeys, unwrapBody, wrapBody } from "../keys/store/authenticated-record.ts";
import { array, broken, integer, object, oneOf, parseJson, text } from "../keys/store/fields.ts";
import type { Entry } from "../state/keyvalue.ts";

/** An entry of the store as it stood. */
export type StoredEntry = Pick<Entry, "key" | "value" | "expiresAt">;

/**
 * A backup: the entries as they stand in the store, private halves sealed, and a MAC over all of them, so that none can be
 * taken out. `createdAt` in Unix milliseconds.
 */
export function encodeBackup(entries: readonly StoredEntry[], createdAt: number, keys: RecordKeys): Buffer {
  const kept = entries.map(({ key, value, expiresAt }) => ({ key, value: toText(value), expiresAt }));
  return wrapBody(JSON.stringify({ kind: KIND, version: 1, createdAt, entries: kept }), keys);
}

/** Throws {@link KeyringError}: WRONG_KEK when it was made under a KEK that is not at hand, BROKEN_RECORD when it is damaged. */
export function decodeBackup(content: Uint8Array, keys: RecordKeys): StoredEntry[] {
  const fields = object(parseJson(unwrapBody(content, "the backup", keys)), "backup", [
    "kind",
    "version",
    "createdAt",
    "entries",
  ]);
  // The same key makes the MACs of epoch records: one of those is no backup.
  oneOf(fields.kind, "kind", [KIND]);
  if (fields.version !== 1) throw broken("version", "must be 1");
  integer(fields.createdAt, "createdAt", 0);
  return array(fields.entries, "entries").map((entry, index) => parseEntry(entry, `entries[${index}]`));
}

const KIND = "signet backup of keys";

function parseEntry(value: unknown, path: string): StoredEntry {
  const fields = object(value, path, ["key", "value"], ["expiresAt"]);
  const entry = {
    key: text(fields.key, `${path}.key`, /^[A-Za-z0-9_/-]+$/),
    value: Buffer.from(text(fields.value, `${path}.value`, /^[A-Za-z0-9_-]*$/), "base64url"),
  };
  if (fields.expiresAt === undefined) return entry;
  return { ...entry, expiresAt: integer(fields.expiresAt, `${path}.expiresAt`, 0) };
}

function toText(value: Uint8Array): string {
  return Buffer.from(value).toString("base64url");
}

/**
 * NOTHING: there are no keys. NEWER: the store holds a later epoch, and would fall back. EXISTS: it holds other keys, which
 * are not overwritten.
 */
export type BackupErrorCode = "NOTHING" | "NEWER" | "EXISTS";

export class BackupError extends CodedError<BackupErrorCode> {}
