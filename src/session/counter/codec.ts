import type { CounterRecord, SessionRow } from "./record.ts";

/*
 * A counter as bytes: version (1), length of the header (2), header (JSON), number of leases (2), leases (gateway 8,
 * lease 8), number of sessions (2), sessions. A session: connection 8, lease 2 (its first bit: shared), opened at 4,
 * key 1, then what the sessions do not have in common: token 8 and `iat` 4 unless counted by token, subject 8 if counted
 * by a claim. So a session takes 15 bytes by token, 27 by subject and 35 by a claim, and 16 more if it is the first of
 * its gateway: 10 000 sessions of as many gateways fit into 512 KiB.
 *
 * Version 2 is written only where keys have rotated so often under long sessions that version 1 can't hold them: the
 * length of the header has 4 bytes, and a key 2.
 */

interface Header {
  readonly profile: string;
  readonly tenant: string;
  readonly by: string;
  readonly kids: readonly string[];
  /** Only by token. */
  readonly token?: string;
  readonly issuedAt?: number;
  /** Only by token or subject. */
  readonly subject?: string;
}

interface Format {
  readonly version: number;
  readonly headerLengthBytes: number;
  readonly keyBytes: number;
}

const NARROW: Format = { version: 1, headerLengthBytes: 2, keyBytes: 1 };
const WIDE: Format = { version: 2, headerLengthBytes: 4, keyBytes: 2 };
const LEASE_BYTES = 16;
const HASH_BYTES = 8;
const SHARED = 0x8000;
/** An `iat` that the token lacks. */
const NONE = 0xffff_ffff;

/** The narrowest format for so many keys and a header of so many bytes. */
function formatFor(keys: number, headerBytes: number): Format {
  return keys <= 2 ** (8 * NARROW.keyBytes) && headerBytes < 2 ** (8 * NARROW.headerLengthBytes) ? NARROW : WIDE;
}

/** The layout of a session, by what the counter counts. */
function layoutOf(by: string, { keyBytes }: Format) {
  const token = 14 + keyBytes;
  const hasToken = by !== "token";
  const hasSubject = hasToken && by !== "subject";
  const subject = token + HASH_BYTES + 4;
  return {
    hasToken,
    hasSubject,
    token,
    subject,
    bytes: hasSubject ? subject + HASH_BYTES : hasToken ? subject : token,
  };
}

/** What bytes were decoded to, or encoded from: each opening would decode up to 10 000 sessions twice. */
const known = new WeakMap<Uint8Array, CounterRecord>();

export function encodeCounter(record: CounterRecord): Uint8Array {
  const bytes = encode(record);
  known.set(bytes, record);
  return bytes;
}

function encode(record: CounterRecord): Uint8Array {
  const { by, sessions } = record;
  const kids = [...new Set(sessions.map(({ kid }) => kid))];
  const leases = [...new Set(sessions.map(({ gateway, lease }) => gateway + lease))];
  const header = Buffer.from(JSON.stringify(headerOf(record, kids)));
  const format = formatFor(kids.length, header.length);
  const layout = layoutOf(by, format);
  const headerAt = 1 + format.headerLengthBytes;
  const leasesAt = headerAt + header.length + 2;
  const rowsAt = leasesAt + leases.length * LEASE_BYTES + 2;
  const bytes = Buffer.alloc(rowsAt + sessions.length * layout.bytes);
  bytes.writeUInt8(format.version, 0);
  bytes.writeUIntBE(header.length, 1, format.headerLengthBytes);
  bytes.set(header, headerAt);
  bytes.writeUInt16BE(leases.length, leasesAt - 2);
  for (const [at, lease] of leases.entries()) bytes.write(lease, leasesAt + at * LEASE_BYTES, "hex");
  bytes.writeUInt16BE(sessions.length, rowsAt - 2);
  const leaseIndex = new Map(leases.map((lease, at) => [lease, at]));
  const kidIndex = new Map(kids.map((kid, at) => [kid, at]));
  for (const [at, row] of sessions.entries()) {
    const begin = rowsAt + at * layout.bytes;
    bytes.write(row.connection, begin, "hex");
    bytes.writeUInt16BE((leaseIndex.get(row.gateway + row.lease) ?? 0) | (row.shared ? SHARED : 0), begin + 8);
    bytes.writeUInt32BE(row.openedAt, begin + 10);
    bytes.writeUIntBE(kidIndex.get(row.kid) ?? 0, begin + 14, format.keyBytes);
    if (layout.hasToken) bytes.write(row.token, begin + layout.token, "hex");
    if (layout.hasToken) bytes.writeUInt32BE(row.issuedAt ?? NONE, begin + layout.token + HASH_BYTES);
    if (layout.hasSubject) bytes.write(row.subject, begin + layout.subject, "hex");
  }
  return bytes;
}

function headerOf({ profile, tenant, by, sessions: [first] }: CounterRecord, kids: readonly string[]): Header {
  const common = { profile, tenant, by, kids };
  if (first === undefined) return common;
  if (by === "subject") return { ...common, subject: first.subject };
  if (by !== "token") return common;
  const { token, issuedAt, subject } = first;
  return issuedAt === undefined ? { ...common, token, subject } : { ...common, token, issuedAt, subject };
}

/** The counter in an entry; undefined when this version can't read it. The bytes MUST NOT change afterwards. */
export function decodeCounter(value: Uint8Array): CounterRecord | undefined {
  const record = known.get(value) ?? decoded(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (record !== undefined) known.set(value, record);
  return record;
}

function decoded(bytes: Buffer): CounterRecord | undefined {
  try {
    return decode(bytes);
  } catch {
    // A number beyond the end of the bytes, or a header that is no JSON.
    return undefined;
  }
}

function decode(bytes: Buffer): CounterRecord | undefined {
  const version = bytes.readUInt8(0);
  const format = [NARROW, WIDE].find((one) => one.version === version);
  if (format === undefined) return undefined;
  const headerAt = 1 + format.headerLengthBytes;
  const leasesAt = headerAt + bytes.readUIntBE(1, format.headerLengthBytes) + 2;
  const header = parseHeader(bytes.toString("utf8", headerAt, leasesAt - 2));
  if (header === undefined) return undefined;
  const { profile, tenant, by, kids } = header;
  const leaseCount = bytes.readUInt16BE(leasesAt - 2);
  const rowsAt = leasesAt + leaseCount * LEASE_BYTES + 2;
  const count = bytes.readUInt16BE(rowsAt - 2);
  const layout = layoutOf(by, format);
  if (bytes.length !== rowsAt + count * layout.bytes) return undefined;
  const digits = (at: number): string => bytes.toString("hex", at, at + HASH_BYTES);
  const leases = Array.from({ length: leaseCount }, (_, index) => {
    const at = leasesAt + index * LEASE_BYTES;
    return { gateway: digits(at), lease: digits(at + HASH_BYTES) };
  });
  const sessions: SessionRow[] = [];
  for (let at = rowsAt; at < bytes.length; at += layout.bytes) {
    const leaseAndShared = bytes.readUInt16BE(at + 8);
    const lease = leases[leaseAndShared & ~SHARED];
    const kid = kids[bytes.readUIntBE(at + 14, format.keyBytes)];
    if (lease === undefined || kid === undefined) return undefined;
    const iat = layout.hasToken ? bytes.readUInt32BE(at + layout.token + HASH_BYTES) : (header.issuedAt ?? NONE);
    sessions.push({
      ...{ connection: digits(at), ...lease, openedAt: bytes.readUInt32BE(at + 10), kid },
      token: layout.hasToken ? digits(at + layout.token) : (header.token ?? ""),
      issuedAt: iat === NONE ? undefined : iat,
      subject: layout.hasSubject ? subjectOf(digits(at + layout.subject)) : (header.subject ?? ""),
      shared: (leaseAndShared & SHARED) !== 0,
    });
  }
  return { profile, tenant, by, sessions };
}

/** A token without a subject has zeros. */
function subjectOf(stored: string): string {
  return /^0+$/.test(stored) ? "" : stored;
}

function parseHeader(text: string): Header | undefined {
  const header: Partial<Record<keyof Header, unknown>> = JSON.parse(text);
  const { profile, tenant, by, kids, token = "", issuedAt, subject = "" } = header;
  if (![profile, tenant, by, token, subject].every((field) => typeof field === "string")) return undefined;
  if (!Array.isArray(kids) || !kids.every((kid) => typeof kid === "string")) return undefined;
  return issuedAt === undefined || Number.isSafeInteger(issuedAt) ? (header as Header) : undefined;
}
