import type { Change, Entry } from "../../state/keyvalue.ts";
import { decodeCounter } from "../counter/codec.ts";
import type { CounterRecord, SessionRow } from "../counter/record.ts";
import { connectionOf, counterOf, sessionId } from "../ids.ts";
import { decodeLease, type Lease } from "../lease/lease.ts";
import { COUNTERS, LEASES, unreadable } from "../store-keys.ts";
import type { Guess } from "../write-again.ts";
import type { Endings } from "./endings.ts";
import { HeldSessions, type KnownSession } from "./held.ts";

/** A lease as this replica last saw it. */
export interface ObservedLease {
  readonly lease: Lease;
  readonly revision: number;
  /** When it saw this revision, by its monotonic clock, in milliseconds: never before it was written. */
  readonly seenAt: number;
  /** When it first saw the id of this lease. */
  readonly beganAt: number;
}

interface KnownCounter {
  readonly entry: Entry;
  readonly sessions: ReadonlyMap<string, KnownSession>;
}

export interface ViewParts {
  /** Milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  readonly endings: Pick<Endings, "add" | "remove" | "wake">;
  /** Called for an entry that this version can't read. */
  readonly onProblem: (error: unknown) => void;
}

/**
 * What this replica knows of leases and counters. It may be behind the store: nothing is decided by it alone that a
 * write by revision does not confirm.
 */
export class SessionView {
  readonly #parts: ViewParts;
  readonly #leases = new Map<string, ObservedLease>();
  readonly #counters = new Map<string, KnownCounter>();
  /** By the hash of the gateway, then by the lease. */
  readonly #held = new Map<string, Map<string, HeldSessions>>();
  #isCurrent = false;
  #size = 0;
  #longestLeaseMs = 0;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /** Whether everything that existed was read. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** A watch begins. It may be that of another store, whose revisions begin again. */
  begin(): void {
    this.#isCurrent = false;
    for (const id of [...this.#counters.keys()]) this.#forget(COUNTERS + id);
    this.#leases.clear();
  }

  /** Takes what a watch yields. */
  take(change: Change): void {
    if (change.type === "put") this.learn(change.entry);
    else if (change.type === "delete") this.#forget(change.key);
    else if (change.type === "current") this.#onCurrent();
  }

  /** Takes an entry that was read or written. An earlier revision than the known one changes nothing. */
  learn(entry: Entry): void {
    if (entry.key.startsWith(LEASES)) this.#learnLease(entry);
    else if (entry.key.startsWith(COUNTERS)) this.#learnCounter(entry);
  }

  /** Of all leases that were ever seen: those of a store that has lost them too. */
  get longestLeaseMs(): number {
    return this.#longestLeaseMs;
  }

  /** By the hash of the gateway. */
  lease(gateway: string): ObservedLease | undefined {
    return this.#leases.get(gateway);
  }

  leases(): Iterable<[string, ObservedLease]> {
    return this.#leases;
  }

  /** What the store may hold of a counter. Undefined: not enough was read to say. */
  guess(id: string): Guess | undefined {
    const entry = this.#counters.get(id)?.entry;
    return entry !== undefined || this.isCurrent ? { entry } : undefined;
  }

  session(id: string): KnownSession | undefined {
    return this.#counters.get(counterOf(id))?.sessions.get(connectionOf(id));
  }

  held(gateway: string, leaseId: string): HeldSessions | undefined {
    return this.#held.get(gateway)?.get(leaseId);
  }

  /** The sessions under leases that are no longer the gateway's own. */
  *orphans(): Generator<KnownSession> {
    for (const [gateway, byLease] of this.#held)
      for (const [leaseId, held] of byLease) if (!this.#isLive(gateway, leaseId)) yield* held.all();
  }

  /** The sessions that count, under live leases. */
  *live(): Generator<{ readonly session: KnownSession; readonly lease: Lease }> {
    for (const [gateway, { lease }] of this.#leases) {
      if (lease.lapsed) continue;
      for (const session of this.held(gateway, lease.leaseId)?.all() ?? []) yield { session, lease };
    }
  }

  /** All sessions. */
  *all(): Generator<KnownSession> {
    for (const { sessions } of this.#counters.values()) yield* sessions.values();
  }

  /** How many sessions count, or will until their lapsed leases are swept. */
  get size(): number {
    return this.#size;
  }

  /** How many gateways hold a lease. */
  get gateways(): number {
    let count = 0;
    for (const { lease } of this.#leases.values()) if (!lease.lapsed) count += 1;
    return count;
  }

  #isLive(gateway: string, leaseId: string): boolean {
    const lease = this.#leases.get(gateway)?.lease;
    return lease?.leaseId === leaseId && !lease.lapsed;
  }

  #onCurrent(): void {
    this.#isCurrent = true;
    for (const gateway of this.#leases.keys()) this.#parts.endings.wake(gateway);
  }

  #learnLease(entry: Entry): void {
    const gateway = entry.key.slice(LEASES.length);
    const known = this.#leases.get(gateway);
    if (known !== undefined && known.revision >= entry.revision) return;
    const lease = decodeLease(entry.value);
    if (lease === undefined) {
      this.#parts.onProblem(unreadable(entry));
      return;
    }
    const seenAt = this.#parts.monotonic();
    const beganAt = known?.lease.leaseId === lease.leaseId ? known.beganAt : seenAt;
    this.#leases.set(gateway, { lease, revision: entry.revision, seenAt, beganAt });
    this.#longestLeaseMs = Math.max(this.#longestLeaseMs, lease.durationMs);
    if (known?.lease.leaseId !== lease.leaseId) this.#parts.endings.wake(gateway);
  }

  #learnCounter(entry: Entry): void {
    const id = entry.key.slice(COUNTERS.length);
    const known = this.#counters.get(id);
    if (known !== undefined && known.entry.revision >= entry.revision) return;
    const record = decodeCounter(entry.value);
    if (record === undefined) {
      this.#parts.onProblem(unreadable(entry));
      return;
    }
    const rows = new Map(record.sessions.map((row) => [row.connection, row]));
    const sessions = new Map<string, KnownSession>();
    for (const session of known?.sessions.values() ?? []) {
      const { connection } = session.row;
      if (isSame(session.row, rows.get(connection))) sessions.set(connection, session);
      else this.#remove(session);
    }
    for (const row of record.sessions)
      if (!sessions.has(row.connection)) sessions.set(row.connection, this.#add(id, record, row));
    this.#counters.set(id, { entry, sessions });
  }

  #add(counter: string, { profile, tenant }: CounterRecord, row: SessionRow): KnownSession {
    const { gateway, lease, connection } = row;
    const byLease = this.#held.get(gateway) ?? new Map<string, HeldSessions>();
    const held = byLease.get(lease) ?? new HeldSessions();
    this.#held.set(gateway, byLease.set(lease, held));
    const id = sessionId(counter, connection);
    const seenAt = this.#parts.monotonic();
    const session: KnownSession = { sessionId: id, counter, profile, tenant, row, seenAt, held, ended: undefined };
    held.add(session);
    this.#size += 1;
    this.#parts.endings.add(session);
    return session;
  }

  #remove(session: KnownSession): void {
    const { gateway, lease } = session.row;
    session.held.remove(session);
    this.#size -= 1;
    const byLease = this.#held.get(gateway);
    if (byLease?.get(lease)?.size === 0) byLease.delete(lease);
    if (byLease?.size === 0) this.#held.delete(gateway);
    this.#parts.endings.remove(session);
  }

  #forget(key: string): void {
    if (key.startsWith(LEASES)) this.#leases.delete(key.slice(LEASES.length));
    const id = key.slice(COUNTERS.length);
    const counter = key.startsWith(COUNTERS) ? this.#counters.get(id) : undefined;
    for (const session of counter?.sessions.values() ?? []) this.#remove(session);
    if (counter !== undefined) this.#counters.delete(id);
  }
}

function isSame(one: SessionRow, other: SessionRow | undefined): boolean {
  return other !== undefined && one.lease === other.lease && one.openedAt === other.openedAt;
}
