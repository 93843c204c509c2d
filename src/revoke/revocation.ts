import { createHash } from "node:crypto";
import type { Entry, KeyValue } from "../state/keyvalue.ts";

/** What was taken back before its end. `tenant` is "" where the profile has none. Times in Unix milliseconds. */
export type Revocation = RevokedToken | RevokedSubject;

interface Common {
  readonly profile: string;
  readonly tenant: string;
  readonly at: number;
  /** From here on no token that it concerns can be valid anyway: the entry ends. */
  readonly until: number;
}

interface RevokedToken extends Common {
  readonly kind: "token";
  readonly tokenId: string;
}

/** Every token of the subject that was issued in or before this second. */
export interface RevokedSubject extends Common {
  readonly kind: "subject";
  /** Keyed: a subject is personal, and the store is read by whoever runs it. */
  readonly subjectHash: string;
  /** Names the key of the hash: without that key nobody can tell whom this concerns. */
  readonly hashedUnder: string;
  /** Unix seconds. */
  readonly issuedBefore: number;
}

/** All entries of the store that are revocations. */
export const REVOKED = "revoked/";

/** Where a revocation is stored: the same one again has the same place. */
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

/** One that says all that both say: of two that name the same, neither takes back what the other revokes. */
export function joined(one: Revocation, other: Revocation): Revocation {
  const until = Math.max(one.until, other.until);
  if (one.kind === "token" || other.kind === "token") return { ...one, until };
  return { ...one, until, issuedBefore: Math.max(one.issuedBefore, other.issuedBefore) };
}

/** Whether `one` already says all that `other`, which names the same, does. */
export function covers(one: Revocation, other: Revocation): boolean {
  if (one.until < other.until) return false;
  return one.kind === "token" || other.kind === "token" || one.issuedBefore >= other.issuedBefore;
}

/** The revocation of an entry; undefined when it is none that this version understands. */
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

/** The same revocation again changes nothing in the store, unless it reaches further. Throws a StateError. */
export async function storeRevocation(store: KeyValue, revocation: Revocation): Promise<void> {
  const place = revocationKey(revocation);
  for (;;) {
    const options = { expiresAt: revocation.until };
    if ((await store.create(place, encodeRevocation(revocation), options)) !== undefined) return;
    const entry = await store.get(place);
    if (entry === undefined) continue;
    const stored = parseRevocation(entry);
    if (stored !== undefined && covers(stored, revocation)) return;
    const next = stored === undefined ? revocation : joined(revocation, stored);
    const value = encodeRevocation(next);
    if ((await store.update(place, value, entry.revision, { expiresAt: next.until })) !== undefined) return;
  }
}
