import { headers, type MsgHdrs } from "nats";
import { checkKey, checkPrefix, type Entry, StateError, type WriteOptions } from "../../state/keyvalue.ts";
import type { BucketName } from "./name.ts";

/** What a write was. Only one creation of a key can win. */
export type Operation = "create" | "update" | "delete";

/** The last message of a key. */
export interface StoredEntry extends Entry {
  /** Unix milliseconds by the clock of NATS. */
  readonly writtenAt: number;
  readonly deleted: boolean;
  /** The id of the write, by which its writer recognizes it; undefined when another tool wrote it. */
  readonly write: string | undefined;
  readonly operation: Operation | undefined;
}

// By this header the tools of NATS recognize a deletion.
const MARKER = "KV-Operation";
const WRITE = "Signet-Write";
const OPERATION = "Signet-Operation";
const EXPIRES_AT = "Signet-Expires-At";

/** The headers of a write. The body is the value; they carry everything else. */
export function entryHeaders(write: string, operation: Operation, { expiresAt }: WriteOptions): MsgHdrs {
  const made = headers();
  made.set(WRITE, write);
  made.set(OPERATION, operation);
  if (operation === "delete") made.set(MARKER, "DEL");
  if (expiresAt !== undefined) made.set(EXPIRES_AT, String(expiresAt));
  return made;
}

/** A message of the bucket before its headers are parsed. */
export interface StoredMessage {
  readonly key: string;
  readonly revision: number;
  readonly writtenAt: number;
  readonly value: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

/**
 * Parses a message of the bucket. An entry whose expiry can't be parsed never expires, and is passed to `onDamage` as
 * CORRUPT.
 */
export function storedEntry(
  { key, revision, writtenAt, value, headers: found }: StoredMessage,
  onDamage: (error: StateError) => void,
): StoredEntry {
  const expiresAt = readExpiry(key, found?.get(EXPIRES_AT) ?? "", onDamage);
  return {
    key,
    value,
    revision,
    writtenAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    // Besides DEL there are PURGE and, from 2.11 on, the server's own markers.
    deleted: found !== undefined && (found.has(MARKER) || found.has("Nats-Marker-Reason")),
    write: found?.get(WRITE) || undefined,
    operation: readOperation(found?.get(OPERATION)),
  };
}

/** The entry as the port returns it; undefined when it is deleted or, at `now`, has expired. */
export function liveEntry(stored: StoredEntry | undefined, now: number): Entry | undefined {
  if (stored === undefined || stored.deleted) return undefined;
  const { key, value, revision, expiresAt } = stored;
  if (expiresAt === undefined) return { key, value, revision };
  return expiresAt <= now ? undefined : { key, value, revision, expiresAt };
}

function readExpiry(key: string, text: string, onDamage: (error: StateError) => void): number | undefined {
  if (text === "") return undefined;
  const expiresAt = Number(text);
  if (/^-?\d{1,16}(\.\d+)?$/.test(text)) return expiresAt;
  onDamage(new StateError("CORRUPT", `entry ${key}: ${EXPIRES_AT} is not a number of milliseconds`));
  return undefined;
}

function readOperation(text: string | undefined): Operation | undefined {
  return text === "create" || text === "update" || text === "delete" ? text : undefined;
}

const WRITTEN = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** The subject of a key: `keys/service/epoch/3` is `$KV.signet.keys.service.epoch.3`. Throws BAD_KEY. */
export function subjectOf({ root }: BucketName, key: string): string {
  // The library does not escape white space and line breaks: they would become protocol commands.
  checkKey(key);
  return root + key.replaceAll("/", ".");
}

/** The key of a subject; undefined for one that {@link subjectOf} never makes. */
export function keyOf({ root }: BucketName, subject: string): string | undefined {
  const rest = subject.slice(root.length);
  return subject.startsWith(root) && WRITTEN.test(rest) ? rest.replaceAll(".", "/") : undefined;
}

/** A filter that matches at least every key with this prefix: NATS matches whole segments. Throws BAD_KEY. */
export function filterOf({ root }: BucketName, prefix: string): string {
  checkPrefix(prefix);
  return `${root}${prefix.slice(0, prefix.lastIndexOf("/") + 1).replaceAll("/", ".")}>`;
}

/** The key of a subject that was requested by key. */
export function requireKey(name: BucketName, subject: string): string {
  const key = keyOf(name, subject);
  if (key !== undefined) return key;
  throw new StateError(
    "CORRUPT",
    `the bucket answered with the subject ${JSON.stringify(subject)}, which belongs to no key`,
  );
}
