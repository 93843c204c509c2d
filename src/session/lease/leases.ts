import type { Entry, KeyValue } from "../../state/keyvalue.ts";
import { sessionsUnreachable } from "../problems.ts";
import { LEASES, REMNANT_MS, throwUnreadable } from "../store-keys.ts";
import type { ObservedLease, SessionView } from "../view/view.ts";
import { type WriteParts, writeAgain } from "../write-again.ts";
import {
  DEFAULT_LEASE_MS,
  decodeLease,
  encodeLease,
  type Lease,
  type LeaseRequest,
  lapseMs,
  MOST_LEASE_MS,
  renewed,
} from "./lease.ts";

export interface LeasesParts extends WriteParts {
  readonly store: KeyValue;
  readonly view: SessionView;
  /** Whether the store has lost leases and gateways put them back. */
  readonly isSettling: () => boolean;
  /** Milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A lease that was renewed. The store names each renewal by the revision of its entry. */
interface Renewal {
  readonly lease: Lease;
  readonly id: string;
  /** The renewal that this one follows. Empty: none. */
  readonly before: string;
}

/**
 * The leases in the store. A lease has lapsed when a replica has seen no new revision of its entry for the lease and a
 * margin, by its own monotonic clock, and then has replaced exactly that revision: if the gateway renewed meanwhile,
 * the write fails. So no wall clock counts, and a replica that was paused or cut off frees nothing. Nor does one that
 * begins a lease late, when the gateway has begun another: the sessions under that one count until it would have lapsed.
 */
export class Leases {
  readonly #parts: LeasesParts;

  constructor(parts: LeasesParts) {
    this.#parts = parts;
  }

  /**
   * The lease of a gateway that opens a session. Without a write where the gateway names its lease: it counts that from
   * its last renewal. Rejects with the Problem SESSIONS_UNAVAILABLE.
   */
  async hold(gateway: string, request: LeaseRequest): Promise<Lease> {
    const known = this.#parts.view.lease(gateway)?.lease;
    if (known !== undefined && !known.lapsed && known.leaseId === request.leaseId) return known;
    const { lease } = await this.#renew(gateway, request, false);
    return lease;
  }

  /** Renews a lease by one write. Rejects with the Problem SESSIONS_UNAVAILABLE: it may be renewed all the same. */
  renew(gateway: string, request: LeaseRequest): Promise<Renewal> {
    return this.#renew(gateway, request, true);
  }

  /**
   * Whether a lease has ended, so that its sessions count no more: ends it if it has lapsed. The store is asked only
   * about a lease that is not known to live. Rejects with the Problem SESSIONS_UNAVAILABLE.
   */
  async hasEnded(gateway: string, leaseId: string): Promise<boolean> {
    const { store, view } = this.#parts;
    if (this.#countsMs(view.lease(gateway), leaseId) > 0) return false;
    try {
      const entry = await store.get(LEASES + gateway);
      if (entry !== undefined && leaseOf(entry) !== undefined) view.learn(entry);
      const newest = view.lease(gateway);
      if (this.#countsMs(newest, leaseId) > 0) return false;
      if (newest === undefined || !isLive(newest.lease, leaseId)) return true;
      // A server that does not know yet that it leads no more answers with what was before.
      if (entry?.revision !== newest.revision) return false;
      return await this.#end(entry, newest.lease);
    } catch (error) {
      throw sessionsUnreachable(error);
    }
  }

  /** The gateways whose leases seem to have lapsed. */
  *lapsed(): Generator<{ readonly gateway: string; readonly lease: Lease }> {
    for (const [gateway, observed] of this.#parts.view.leases()) {
      const { lease } = observed;
      if (!lease.lapsed && this.#countsMs(observed, lease.leaseId) === 0) yield { gateway, lease };
    }
  }

  /** The longest lease that was ever seen: so long gateways may hold what the store has lost, leases included. */
  get longestMs(): number {
    return Math.max(DEFAULT_LEASE_MS, this.#parts.view.longestLeaseMs);
  }

  async #renew(gateway: string, request: LeaseRequest, begins: boolean): Promise<Renewal> {
    const { view, isSettling, learn } = this.#parts;
    const key = LEASES + gateway;
    const observed = view.lease(gateway);
    const guess = observed && { entry: { key, value: encodeLease(observed.lease), revision: observed.revision } };
    let id = "";
    const parts = {
      ...this.#parts,
      // What is learned last is what was written.
      learn(entry: Entry) {
        id = String(entry.revision);
        learn(entry);
      },
    };
    const renewal = await writeAgain(parts, key, guess, (entry) => {
      const graceMs = entry === undefined ? 0 : this.#graceMs(gateway, entry);
      const lease = renewed(leaseOf(entry), request, { begins, settling: isSettling(), graceMs });
      return {
        value: encodeLease(lease),
        result: { lease, before: entry === undefined ? "" : String(entry.revision) },
      };
    });
    return { ...renewal, id };
  }

  async #end({ key, revision }: Entry, lease: Lease): Promise<boolean> {
    const { store, view, now } = this.#parts;
    const value = encodeLease({ ...lease, lapsed: true });
    const options = { expiresAt: now() + REMNANT_MS + lease.graceMs };
    const written = await store.update(key, value, revision, options);
    if (written !== undefined) view.learn({ key, value, revision: written, ...options });
    return written !== undefined;
  }

  /** How long, by what was seen, sessions under one of the gateway's leases count on. 0: no longer. */
  #countsMs(observed: ObservedLease | undefined, leaseId: string): number {
    if (observed === undefined) return 0;
    const { lease, seenAt, beganAt } = observed;
    const isOwn = lease.leaseId === leaseId;
    if (isOwn && lease.lapsed) return 0;
    const until = isOwn ? seenAt + lapseMs(lease) : beganAt + lease.graceMs;
    return Math.max(0, Math.ceil(until - this.#parts.monotonic()));
  }

  /** The grace of a lease that replaces this entry: for so long its gateway may hold sessions under earlier ones. */
  #graceMs(gateway: string, { revision }: Entry): number {
    const observed = this.#parts.view.lease(gateway);
    if (observed?.revision !== revision) return lapseMs({ durationMs: MOST_LEASE_MS });
    return Math.max(this.#countsMs(observed, observed.lease.leaseId), this.#countsMs(observed, EARLIER));
  }
}

/** The id of no lease: any that came before. */
const EARLIER = "";

function isLive(lease: Lease | undefined, leaseId: string): boolean {
  return lease?.leaseId === leaseId && !lease.lapsed;
}

/** Throws the StateError CORRUPT: a lease that can't be read, maybe of a later version, may be live. */
function leaseOf(entry: Entry | undefined): Lease | undefined {
  return entry && (decodeLease(entry.value) ?? throwUnreadable(entry));
}
