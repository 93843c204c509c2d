import { MOST_SESSIONS } from "../../profile/model/sessions.ts";

/** What is stored of one session. Hashes, gateway and lease are 16 hexadecimal digits each. */
export interface SessionRow {
  /** The hash of the connection within its gateway. */
  readonly connection: string;
  /** The hash of the gateway. */
  readonly gateway: string;
  /** The lease that the session was opened under: the session ends with it. */
  readonly lease: string;
  /** Unix seconds. */
  readonly openedAt: number;
  /** The key that verified the token. */
  readonly kid: string;
  /** The hash by which the revocation of the token finds the session. */
  readonly token: string;
  /** Unix seconds. Undefined: the token has no `iat`. */
  readonly issuedAt: number | undefined;
  /** The hash by which the revocation of the subject finds the session. Empty: the token has none. */
  readonly subject: string;
  /** Whether it has answered a second call: then the first one, if it fails later, gives it back no more. */
  readonly shared: boolean;
}

/** The sessions of one counter, in the order in which they were opened. At most 10 000. */
export interface CounterRecord {
  readonly profile: string;
  /** Empty where the profile has none. */
  readonly tenant: string;
  /** By `token` or `subject`, all sessions have that hash in common. By the path of a claim they do not. */
  readonly by: string;
  readonly sessions: readonly SessionRow[];
}

/** What a counter says about one more session. */
export type Opening =
  | { readonly outcome: "opened"; readonly record: CounterRecord; readonly row: SessionRow; readonly count: number }
  /** The same connection of the same gateway is open under the same token. A record: it is shared from now on. */
  | { readonly outcome: "already"; readonly record?: CounterRecord; readonly row: SessionRow; readonly count: number }
  | { readonly outcome: "other_token" }
  | { readonly outcome: "full"; readonly record: CounterRecord };

/**
 * Adds a session. All sessions of `record` count, whether or not their leases live. `limit` undefined: any number.
 */
export function openIn(record: CounterRecord, row: SessionRow, limit: number | undefined): Opening {
  const others = record.sessions.filter((other) => !isSameConnection(other, row));
  const same = record.sessions.find((other) => isSameConnection(other, row) && other.lease === row.lease);
  if (same !== undefined && same.token !== row.token) return { outcome: "other_token" };
  if (same !== undefined) return alreadyIn(record, same);
  if (others.length >= Math.min(limit ?? MOST_SESSIONS, MOST_SESSIONS)) return { outcome: "full", record };
  const sessions = [...others, row];
  return { outcome: "opened", record: { ...record, sessions }, row, count: sessions.length };
}

function alreadyIn(record: CounterRecord, row: SessionRow): Opening {
  const already = { outcome: "already", row, count: record.sessions.length } as const;
  if (row.shared) return already;
  const sessions = record.sessions.map((other) => (other === row ? { ...row, shared: true } : other));
  return { ...already, record: { ...record, sessions } };
}

/** Puts a session back that the store has lost, even above the limit: its gateway holds it. */
export function putBackIn(record: CounterRecord, row: SessionRow): CounterRecord | undefined {
  if (record.sessions.some((other) => isSameConnection(other, row) && other.lease === row.lease)) return undefined;
  return { ...record, sessions: [...record.sessions.filter((other) => !isSameConnection(other, row)), row] };
}

/** Without the sessions for which `ends` holds; undefined when it holds for none. */
export function without(
  record: CounterRecord,
  ends: (row: SessionRow) => boolean,
): { readonly record: CounterRecord; readonly removed: readonly SessionRow[] } | undefined {
  const removed = record.sessions.filter(ends);
  if (removed.length === 0) return undefined;
  return { record: { ...record, sessions: record.sessions.filter((row) => !ends(row)) }, removed };
}

/** A connection hash covers the gateway, and connections are never used twice: an earlier row is of a lapsed lease. */
function isSameConnection(one: SessionRow, other: SessionRow): boolean {
  return one.connection === other.connection;
}
