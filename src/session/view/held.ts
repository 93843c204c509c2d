import type { SessionRow } from "../counter/record.ts";
import { DIGEST_BYTES, digestPart } from "../ids.ts";

/** Why the service has ended a session whose gateway still holds it. */
export type EndReason = "REVOKED" | "KEY_REVOKED" | "SESSION_ENDED";

/** A session as a replica knows it. */
export interface KnownSession {
  readonly sessionId: string;
  readonly counter: string;
  readonly profile: string;
  readonly tenant: string;
  readonly row: SessionRow;
  /** When this replica first saw it, by its monotonic clock, in milliseconds. */
  readonly seenAt: number;
  /** The sessions that it is one of. */
  readonly held: HeldSessions;
  /** Undefined: it has not ended. */
  ended: EndReason | undefined;
}

/** The sessions under one lease of one gateway. */
export class HeldSessions {
  readonly #sessions = new Map<string, KnownSession>();
  /** By the hash of the connection. */
  readonly #connections = new Map<string, KnownSession>();
  readonly #digest = Buffer.alloc(DIGEST_BYTES);
  readonly #ended = new Map<string, KnownSession>();

  add(session: KnownSession): void {
    this.#sessions.set(session.sessionId, session);
    this.#connections.set(session.row.connection, session);
    this.#toggle(session.sessionId);
  }

  remove(session: KnownSession): void {
    if (!this.#sessions.delete(session.sessionId)) return;
    if (this.#connections.get(session.row.connection) === session) this.#connections.delete(session.row.connection);
    this.#toggle(session.sessionId);
    this.#ended.delete(session.sessionId);
  }

  end(session: KnownSession, reason: EndReason): void {
    session.ended = reason;
    this.#ended.set(session.sessionId, session);
  }

  /** Those that have ended and that the gateway has not closed. */
  ended(): Iterable<KnownSession> {
    return this.#ended.values();
  }

  get(sessionId: string): KnownSession | undefined {
    return this.#sessions.get(sessionId);
  }

  onConnection(hash: string): KnownSession | undefined {
    return this.#connections.get(hash);
  }

  all(): Iterable<KnownSession> {
    return this.#sessions.values();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether a gateway that holds so many sessions with this digest holds exactly these. */
  equals(count: number, digest: Uint8Array): boolean {
    return count === this.size && this.#digest.equals(digest);
  }

  #toggle(sessionId: string): void {
    const part = digestPart(sessionId);
    for (let at = 0; at < DIGEST_BYTES; at++) this.#digest[at] = (this.#digest[at] ?? 0) ^ (part[at] ?? 0);
  }
}
