import { timingSafeEqual } from "node:crypto";
import { KeyringError } from "../error.ts";
import type { Fields } from "./fields.ts";

/** A key that authenticates records. */
export interface RecordKey {
  /** The id of the key-encryption key that this one was derived from. */
  readonly kek: string;
  /** HMAC-SHA-256 of the body, base64url. */
  mac(body: string): string;
}

/** Records are written under the first key and read under any. */
export type RecordKeys = readonly [RecordKey, ...RecordKey[]];

/** The record with a MAC: write access to the store alone must not suffice to change a time or a key. */
export function wrapRecord(record: Epoch, keys: RecordKeys): Buffer {
  return wrapBody(JSON.stringify(record), keys);
}

/** Any text with its MAC. */
export function wrapBody(body: string, [key]: RecordKeys): Buffer {
  return Buffer.from(JSON.stringify({ kek: key.kek, mac: key.mac(body), body }));
}

/** Whether it was written under the first key. Throws BROKEN_RECORD for bytes that hold no record. */
export function isUnderCurrent(stored: Uint8Array, [key]: RecordKeys): boolean {
  return parseEnvelope(stored, "the record").kek === key.kek;
}

/**
 * The record that was stored as this epoch of this ring. Throws {@link KeyringError}: WRONG_KEK when it was written
 * under a key that was not given; BROKEN_RECORD when it is damaged, forged, or the record of another place.
 */
export function unwrapRecord<Record extends Epoch>(
  stored: Uint8Array,
  kind: RecordKind<Record>,
  epoch: number,
  keys: RecordKeys,
): Record {
  const where = `epoch ${epoch} of ${kind.name}`;
  const body = unwrapBody(stored, where, keys);
  // Without this check, write access to the store would suffice to replace a record by an older one, or by another
  // ring's.
  if (!belongs(body, kind, epoch))
    throw new KeyringError("BROKEN_RECORD", `${where} holds the record of another ring or epoch`);
  return kind.parse(body);
}

/**
 * What lies at the place of an epoch. authentic: a record with a MAC for this epoch of this ring, whether or not this
 * version can parse it. emptied: no bytes, as a superseded epoch has. unknownKek: only the holder of a key that was not
 * given can tell. garbage: anything else, also the record of another place.
 */
export type Verdict = "authentic" | "emptied" | "unknownKek" | "garbage";

export function judgeRecord(stored: Uint8Array, kind: RecordKind<Epoch>, epoch: number, keys: RecordKeys): Verdict {
  if (stored.byteLength === 0) return "emptied";
  try {
    return belongs(unwrapBody(stored, kind.name, keys), kind, epoch) ? "authentic" : "garbage";
  } catch (error) {
    return error instanceof KeyringError && error.code === "WRONG_KEK" ? "unknownKek" : "garbage";
  }
}

/**
 * Whether the body says that it is this epoch of this ring. Not by {@link RecordKind.parse}: the record of a later
 * version, which this one can't parse, belongs to its place as well.
 */
function belongs(body: string, kind: RecordKind<Epoch>, epoch: number): boolean {
  try {
    const members: unknown = JSON.parse(body);
    if (typeof members !== "object" || members === null) return false;
    const fields: Fields = { ...members };
    return fields.epoch === epoch && kind.owns(fields);
  } catch {
    return false;
  }
}

/**
 * The text that was wrapped. Throws {@link KeyringError} WRONG_KEK, and BROKEN_RECORD with what to do about a damaged
 * one.
 */
export function unwrapBody(
  stored: Uint8Array,
  where: string,
  keys: RecordKeys,
  remedy = "restore it from a backup",
): string {
  const { kek, mac, body } = parseEnvelope(stored, where, remedy);
  const author = keys.find((key) => sameText(key.mac(body), mac));
  if (author === undefined && keys.every((key) => key.kek !== kek)) {
    throw new KeyringError("WRONG_KEK", `${where} was written under ${otherKek(stored, keys)}`);
  }
  // Where the MAC is right and the key's id is not, the id is damaged.
  if (author?.kek !== kek) throw new KeyringError("BROKEN_RECORD", `${where} does not match its MAC: ${remedy}`);
  return body;
}

/** Names the key that a record was written under, and those that are given, human-readable. */
export function otherKek(stored: Uint8Array, keys: RecordKeys): string {
  const { kek } = parseEnvelope(stored, "the record");
  // Any client of the store may have written it.
  const id = /^[A-Za-z0-9_-]{1,64}$/.test(kek) ? kek : "without a right id";
  return `the key-encryption key ${id}, and not under the given ${keys.map((key) => key.kek).join(", ")}`;
}

function parseEnvelope(stored: Uint8Array, where: string, remedy = ""): { kek: string; mac: string; body: string } {
  try {
    const envelope: unknown = JSON.parse(Buffer.from(stored).toString());
    if (typeof envelope === "object" && envelope !== null && Object.keys(envelope).length === 3) {
      const { kek, mac, body } = envelope as { kek?: unknown; mac?: unknown; body?: unknown };
      if (typeof kek === "string" && typeof mac === "string" && typeof body === "string") return { kek, mac, body };
    }
  } catch {
    // Reported below: the parser's own message would quote the record.
  }
  throw new KeyringError("BROKEN_RECORD", `${where} is not an envelope of kek, mac and body: ${remedy}`);
}

function sameText(expected: string, given: string): boolean {
  const [left, right] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** A version of a ring. */
export interface Epoch {
  /** 1, 2, 3 ...: the highest wins. */
  readonly epoch: number;
}

/** How the epochs of one ring are named, found and read. */
export interface RecordKind<Record extends Epoch> {
  /** For messages, e.g. `keyset service`. It MUST hold no secret and no personal claim. */
  readonly name: string;
  /** Its epoch N is stored as `<prefix>N`. */
  readonly prefix: string;
  /** Checks every field. Throws the KeyringError BROKEN_RECORD. */
  parse(json: string): Record;
  /** Whether a record with these members is one of this ring. Every later version MUST keep the members it looks at. */
  owns(members: Fields): boolean;
}
