import { createHash } from "node:crypto";
import type { Entry, EntryWrite, KeyValue } from "../state/keyvalue.ts";

/**
 * A token, or every token of a subject, revoked before it expires. `tenant` is "" where the profile has none. Times are
 * Unix milliseconds.
 */
export type Revocation = RevokedToken | RevokedSubject;

interface Common {
  readonly profile: string;
  readonly tenant: string;
  readonly at: number;
  /** When every token that it concerns has expired; the entry then expires too. */
  readonly until: number;
}

interface RevokedToken extends Common {
  readonly kind: "token";
  readonly tokenId: string;
}

/** Every token of the subject that was issued in or before this second. */
export interface RevokedSubject extends Common {
  readonly kind: "subject";
  /** A keyed hash, because a subject is personal data and operators can read the store. */
  readonly subjectHash: string;
  /** The id of the hash's key. A replica without that key can't apply the revocation. */
  readonly hashedUnder: string;
  /** Unix seconds. */
  readonly issuedBefore: number;
}

/** The prefix of revocations in the store. */
export const REVOKED = "revoked/";

/** The store key of a revocation; equal for revocations of the same token or subject. */
export function revocationKey(revocation: Revocation): string {
  const { kind, profile, tenant } = revocation;
  const name = kind === "token" ? revocation.tokenId : revocation.subjectHash;
  const digest = createHash("sha256")
    .update(JSON.stringify([profile, tenant, name]))
    .digest("base64url");
  return `${REVOKED}${kind}/${digest}`;
}

export function encodeRevocation(revocation: Revocation): Uint8Array {
  return Buffer.from(revocationText(revocation));
}

/** One line. */
export function revocationText(revocation: Revocation): string {
  return JSON.stringify(revocation);
}

/** A revocation that covers both, which have the same key: neither may lift what the other revokes. */
export function merge(one: Revocation, other: Revocation): Revocation {
  const until = Math.max(one.until, other.until);
  if (one.kind === "token" || other.kind === "token") return { ...one, until };
  return { ...one, until, issuedBefore: Math.max(one.issuedBefore, other.issuedBefore) };
}

/** Whether `one` revokes everything that `other`, which has the same key, revokes. */
export function covers(one: Revocation, other: Revocation): boolean {
  if (one.until < other.until) return false;
  return one.kind === "token" || other.kind === "token" || one.issuedBefore >= other.issuedBefore;
}

/** The revocation in an entry; undefined when this version can't read it. */
export function parseRevocation({ value }: Pick<Entry, "value">): Revocation | undefined {
  return parseRevocationText(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
}

/** The revocation in the text of {@link revocationText}. */
export function parseRevocationText(text: string): Revocation | undefined {
  const fields = parseObject(text);
  if (fields === undefined) return undefined;
  const { kind, profile, tenant, at, until, tokenId, subjectHash, hashedUnder, issuedBefore } = fields;
  if (typeof profile !== "string" || typeof tenant !== "string") return undefined;
  if (!isTime(at) || !isTime(until)) return undefined;
  const common = { profile, tenant, at, until };
  if (kind === "token" && typeof tokenId === "string") return { kind, ...common, tokenId };
  if (kind !== "subject" || typeof subjectHash !== "string" || typeof hashedUnder !== "string") return undefined;
  return isTime(issuedBefore) ? { kind, ...common, subjectHash, hashedUnder, issuedBefore } : undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/**
 * Stores revocations, each merged with the stored one of the same key. Writes nothing where that covers it. A store
 * that can, writes all of them in one step. Rejects with a StateError when it is unknown which of them are stored;
 * storing them again is safe.
 */
export async function storeRevocations(store: KeyValue, revocations: Iterable<Revocation>): Promise<void> {
  let writes = [...mergedByKey(revocations)].map(([key, revocation]) => ({
    revocation,
    write: writeOf(key, revocation),
  }));
  while (writes.length > 0) {
    const revisions = await store.writeAll(writes.map(({ write }) => write));
    const left = writes.filter((_, at) => revisions[at] === undefined);
    const next = await Promise.all(left.map(({ revocation, write: { key } }) => nextWrite(store, key, revocation)));
    writes = next.filter((one) => one !== undefined);
  }
}

/** How many revocations one call stores where many are restored: a call of NATS must end within two seconds. */
const BATCH = 200;

export function* inBatches(revocations: Iterable<Revocation>): Generator<readonly Revocation[]> {
  let batch: Revocation[] = [];
  for (const revocation of revocations) {
    batch.push(revocation);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

interface RevocationWrite {
  readonly revocation: Revocation;
  readonly write: EntryWrite;
}

/** What to write now that the key may hold something. Undefined: what it holds covers the revocation. */
async function nextWrite(store: KeyValue, key: string, revocation: Revocation): Promise<RevocationWrite | undefined> {
  const entry = await store.get(key);
  if (entry === undefined) return { revocation, write: writeOf(key, revocation) };
  const stored = parseRevocation(entry);
  if (stored === undefined) return { revocation, write: writeOf(key, revocation, entry.revision) };
  if (covers(stored, revocation)) return undefined;
  return { revocation, write: writeOf(key, merge(revocation, stored), entry.revision) };
}

function writeOf(key: string, revocation: Revocation, revision?: number): EntryWrite {
  const write = { key, value: encodeRevocation(revocation), expiresAt: revocation.until };
  return revision === undefined ? write : { ...write, revision };
}

function mergedByKey(revocations: Iterable<Revocation>): Map<string, Revocation> {
  const merged = new Map<string, Revocation>();
  for (const revocation of revocations) {
    const key = revocationKey(revocation);
    const other = merged.get(key);
    merged.set(key, other === undefined ? revocation : merge(revocation, other));
  }
  return merged;
}
