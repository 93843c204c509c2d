import { CodedError } from "../coded-error.ts";
import { type RecordKeys, unwrapBody, wrapBody } from "../keys/store/authenticated-record.ts";
import { array, broken, integer, object, oneOf, parseJson, text } from "../keys/store/fields.ts";
import type { Entry } from "../state/keyvalue.ts";

/** An entry of the store, as a backup holds it. */
export type BackupEntry = Pick<Entry, "key" | "value" | "expiresAt">;

/**
 * Encodes a backup: the entries as they are stored, private keys sealed, and a MAC over all of them, so that none can
 * be removed. `createdAt` in Unix milliseconds.
 */
export function encodeBackup(entries: readonly BackupEntry[], createdAt: number, keys: RecordKeys): Buffer {
  const kept = entries.map(({ key, value, expiresAt }) => ({ key, value: toText(value), expiresAt }));
  return wrapBody(JSON.stringify({ kind: KIND, version: 1, createdAt, entries: kept }), keys);
}

/**
 * Decodes a backup. Throws {@link KeyringError}: WRONG_KEK when it was made under another KEK than the given ones,
 * BROKEN_RECORD when it is damaged.
 */
export function decodeBackup(content: Uint8Array, keys: RecordKeys): BackupEntry[] {
  const fields = object(parseJson(unwrapBody(content, "the backup", keys, REMEDY)), "backup", [
    "kind",
    "version",
    "createdAt",
    "entries",
  ]);
  // Epoch records are authenticated with the same key: one of them must not pass as a backup.
  oneOf(fields.kind, "kind", [KIND]);
  if (fields.version !== 1) throw broken("version", "must be 1");
  integer(fields.createdAt, "createdAt", 0);
  return array(fields.entries, "entries").map((entry, index) => parseEntry(entry, `entries[${index}]`));
}

const KIND = "signet backup of keys";
const REMEDY = "it is no file of signet keys export, or was cut off or changed; take another one";

function parseEntry(value: unknown, path: string): BackupEntry {
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
 * NOTHING: there are no keys to back up. NEWER: the store holds a later epoch than the backup. EXISTS: the store holds
 * other keys, which are never overwritten.
 */
export type BackupErrorCode = "NOTHING" | "NEWER" | "EXISTS";

export class BackupError extends CodedError<BackupErrorCode> {}
