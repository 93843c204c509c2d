import { createWakeup, type Wakeup } from "../../async/wakeup.ts";
import type { Revocation } from "../../revoke/revocation.ts";
import { revocationHash } from "../ids.ts";
import type { EndReason, KnownSession } from "./held.ts";
import { MultiMap } from "./multi-map.ts";

export interface EndingsParts {
  /** Whether the key of a profile and tenant was revoked. */
  readonly isKeyRevoked: (profile: string, tenant: string, kid: string) => boolean;
  /** How long a session of the profile may live, in milliseconds. Undefined: any time. */
  readonly sessionMaxMs: (profile: string) => number | undefined;
  /** Milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A revoked token, or the tokens of a subject that were issued in or before this second. */
interface Revoked {
  /** Infinity: all. */
  readonly issuedBefore: number;
  /** Unix milliseconds. */
  readonly until: number;
}

/** How much longer than its `session_max` a session is left to its gateway, which closes it by its own clock. */
const DEADLINE_MARGIN_MS = 5_000;
/** How often revocations that have ended are forgotten: to look at 10⁶ of them takes up to 70 ms. */
const FORGET_MS = 60_000;

/**
 * Which sessions the service has ended: their token, its subject or its key was revoked, or they are past their
 * deadline. Each replica finds out by itself. Their slots are free when their gateways have closed them.
 */
export class Endings {
  readonly #parts: EndingsParts;
  /** By the hashes of token and subject. */
  readonly #byHash = new MultiMap<KnownSession>();
  readonly #byKey = new MultiMap<KnownSession>();
  readonly #revoked = new Map<string, Revoked>();
  readonly #revokedKeys = new Set<string>();
  /** By the hash of the gateway. */
  readonly #watchers = new MultiMap<Wakeup>();
  #forgetAt = -Infinity;

  constructor(parts: EndingsParts) {
    this.#parts = parts;
  }

  /** A session is known from now on. */
  add(session: KnownSession): void {
    for (const hash of hashesOf(session)) this.#byHash.add(hash, session);
    this.#byKey.add(keyOf(session), session);
    if (hashesOf(session).some((hash) => this.#isRevoked(hash, session))) this.#end(session, "REVOKED");
    else if (this.#revokedKeys.has(keyOf(session))) this.#end(session, "KEY_REVOKED");
  }

  /** A session is closed, or its lease has lapsed. */
  remove(session: KnownSession): void {
    for (const hash of hashesOf(session)) this.#byHash.remove(hash, session);
    this.#byKey.remove(keyOf(session), session);
  }

  /** Ends the sessions whose tokens a revocation names. */
  revoke(revocation: Revocation): void {
    const { kind, profile, tenant, until } = revocation;
    const name = kind === "token" ? revocation.tokenId : revocation.subjectHash;
    const hash = revocationHash(kind, profile, tenant, name);
    const issuedBefore = kind === "token" ? Infinity : revocation.issuedBefore;
    const known = this.#revoked.get(hash);
    this.#revoked.set(hash, {
      issuedBefore: Math.max(issuedBefore, known?.issuedBefore ?? 0),
      until: Math.max(until, known?.until ?? 0),
    });
    for (const session of this.#byHash.of(hash)) if (this.#isRevoked(hash, session)) this.#end(session, "REVOKED");
  }

  /** Ends the sessions of keys that were revoked since the last look. */
  checkKeys(): void {
    for (const key of this.#byKey.keys()) {
      const [any] = this.#byKey.of(key);
      if (any === undefined || this.#revokedKeys.has(key)) continue;
      if (!this.#parts.isKeyRevoked(any.profile, any.tenant, any.row.kid)) continue;
      this.#revokedKeys.add(key);
      for (const session of this.#byKey.of(key)) this.#end(session, "KEY_REVOKED");
    }
  }

  /**
   * Ends the sessions that are past their deadline, and forgets revocations that have ended. A deadline is judged by
   * how long this replica has seen the session: a wall clock that is set must not close everything.
   */
  checkTimes(sessions: Iterable<KnownSession>): void {
    const time = this.#parts.monotonic();
    for (const session of sessions) {
      const most = this.#parts.sessionMaxMs(session.profile);
      if (most !== undefined && time - session.seenAt > most + DEADLINE_MARGIN_MS) this.#end(session, "SESSION_ENDED");
    }
    if (time >= this.#forgetAt) this.#forgetEnded(time);
  }

  #forgetEnded(time: number): void {
    const now = this.#parts.now();
    for (const [hash, { until }] of this.#revoked) if (until <= now) this.#revoked.delete(hash);
    this.#forgetAt = time + FORGET_MS;
  }

  /** Wakes the watchers of a gateway. */
  wake(gateway: string): void {
    for (const watcher of this.#watchers.of(gateway)) watcher.wake();
  }

  /** What is woken when a session of the gateway ends, until the returned function is called. */
  watcher(gateway: string): { readonly changed: Wakeup; readonly leave: () => void } {
    const changed = createWakeup();
    this.#watchers.add(gateway, changed);
    return { changed, leave: () => this.#watchers.remove(gateway, changed) };
  }

  #isRevoked(hash: string, { row: { issuedAt } }: KnownSession): boolean {
    const revoked = this.#revoked.get(hash);
    return revoked !== undefined && (issuedAt === undefined || issuedAt <= revoked.issuedBefore);
  }

  #end(session: KnownSession, reason: EndReason): void {
    if (session.ended !== undefined) return;
    session.held.end(session, reason);
    this.wake(session.row.gateway);
  }
}

function hashesOf({ row: { token, subject } }: KnownSession): string[] {
  return subject === "" ? [token] : [token, subject];
}

function keyOf({ profile, tenant, row: { kid } }: KnownSession): string {
  return JSON.stringify([profile, tenant, kid]);
}
