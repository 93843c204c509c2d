import { createHash } from "node:crypto";
import type { Entry, KeyValue } from "../state/keyvalue.ts";

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
  return Buffer.from(JSON.stringify(revocation));
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
  const fields = parseObject(Buffer.from(value).toString());
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
 * Stores a revocation, merged with a stored one of the same key. Writes nothing when that covers it. Rejects with a
 * StateError.
 */
export async function storeRevocation(store: KeyValue, revocation: Revocation): Promise<void> {
  const place = revocationKey(revocation);
  for (;;) {
    const options = { expiresAt: revocation.until };
    if ((await store.create(place, encodeRevocation(revocation), options)) !== undefined) return;
    const entry = await store.get(place);
    if (entry === undefined) continue;
    const stored = parseRevocation(entry);
    if (stored !== undefined && covers(stored, revocation)) return;
    const next = stored === undefined ? revocation : merge(revocation, stored);
    const value = encodeRevocation(next);
    if ((await store.update(place, value, entry.revision, { expiresAt: next.until })) !== undefined) return;
  }
}
