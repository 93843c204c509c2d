import { createHash } from "node:crypto";

/** HMAC-SHA-256 under a key that only replicas have: who can write requests must not be able to choose a hash. */
export type KeyedHash = (text: string) => Buffer;

/** A gateway belongs to the caller that it proved to be. */
export interface Owner {
  /** The caller's name. */
  readonly caller: string;
  readonly gateway: string;
}

/** What sessions are counted by. */
export interface CounterName {
  readonly profile: string;
  readonly tenant: string;
  /** `token`, `subject`, or the path of a claim, as JSON. */
  readonly by: string;
  /** The token's id, the subject or the claim. */
  readonly value: string;
}

/** Hexadecimal digits of the two parts of a session's id. */
const COUNTER_DIGITS = 32;
const SHORT_DIGITS = 16;
const SESSION_ID = /^[0-9a-f]{48}$/;

export function isSessionId(text: string): boolean {
  return SESSION_ID.test(text);
}

/** 16 bytes as hexadecimal digits. */
export function counterId({ profile, tenant, by, value }: CounterName, hash: KeyedHash): string {
  return digits(hash(JSON.stringify(["counter", profile, tenant, by, value])), COUNTER_DIGITS);
}

/** 8 bytes as hexadecimal digits. */
export function gatewayId({ caller, gateway }: Owner, hash: KeyedHash): string {
  return digits(hash(JSON.stringify(["gateway", caller, gateway])), SHORT_DIGITS);
}

/** 8 bytes as hexadecimal digits. */
export function connectionHash({ caller, gateway }: Owner, connection: string, hash: KeyedHash): string {
  return digits(hash(JSON.stringify(["connection", caller, gateway, connection])), SHORT_DIGITS);
}

export function sessionId(counter: string, connection: string): string {
  return counter + connection;
}

export function counterOf(session: string): string {
  return session.slice(0, COUNTER_DIGITS);
}

export function connectionOf(session: string): string {
  return session.slice(COUNTER_DIGITS);
}

/**
 * What a session keeps of its token and of the keyed hash of its subject, to be found when they are revoked: 8 bytes as
 * hexadecimal digits. No key: token ids are random, and the subject's hash has one.
 */
export function revocationHash(kind: "token" | "subject", profile: string, tenant: string, name: string): string {
  return digits(
    createHash("sha256")
      .update(JSON.stringify([kind, profile, tenant, name]))
      .digest(),
    SHORT_DIGITS,
  );
}

/** The first 16 bytes of SHA-256 of a session's id, of which digests consist. */
export function digestPart(session: string): Buffer {
  return createHash("sha256").update(session).digest().subarray(0, DIGEST_BYTES);
}

export const DIGEST_BYTES = 16;

function digits(bytes: Buffer, count: number): string {
  return bytes.toString("hex", 0, count / 2);
}
