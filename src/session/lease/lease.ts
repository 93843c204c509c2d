/** What is stored of a gateway's lease. Each renewal is one new revision of it. */
export interface Lease {
  /** 16 hexadecimal digits. */
  readonly leaseId: string;
  /** The caller's name. */
  readonly caller: string;
  readonly gateway: string;
  readonly durationMs: number;
  /** Whether a replica has ended it: no session counts any more that was opened under it. */
  readonly lapsed: boolean;
  /**
   * How long sessions under earlier leases of the gateway count on, from when a replica first sees this lease, in
   * milliseconds: a request that was delayed may have begun it while the gateway holds another.
   */
  readonly graceMs: number;
}

/** What a gateway asks for. */
export interface LeaseRequest {
  readonly caller: string;
  readonly gateway: string;
  /** The lease that it holds. Empty: none. */
  readonly leaseId: string;
  /** Undefined: as it was, at first {@link DEFAULT_LEASE_MS}. */
  readonly durationMs: number | undefined;
  /** The id of a lease that begins. */
  readonly newId: string;
}

export const DEFAULT_LEASE_MS = 30_000;
export const LEAST_LEASE_MS = 5_000;
export const MOST_LEASE_MS = 300_000;

/**
 * How much longer than a lease a replica waits for the next revision: the monotonic clocks of two machines may differ
 * in rate, by far less than a three-hundredth.
 */
const RATE_MARGIN_MS = 1_000;

/** The time without a new revision after which a replica may end a lease. */
export function lapseMs({ durationMs }: Pick<Lease, "durationMs">): number {
  return durationMs + RATE_MARGIN_MS;
}

interface Circumstances {
  /** Whether a gateway that holds no lease ends the one that is stored. */
  readonly begins: boolean;
  /** Whether the store has lost leases, and gateways say which they hold. */
  readonly settling: boolean;
  /** Of a lease that begins. */
  readonly graceMs: number;
}

/** The lease after a renewal. */
export function renewed(
  stored: Lease | undefined,
  request: LeaseRequest,
  { begins, settling, graceMs }: Circumstances,
): Lease {
  const { caller, gateway, leaseId, durationMs = DEFAULT_LEASE_MS, newId } = request;
  const fresh = (id: string): Lease => ({ leaseId: id, caller, gateway, durationMs, lapsed: false, graceMs });
  // A lease that a replica has ended never returns, whatever else was lost.
  if (settling && leaseId !== "" && stored?.leaseId !== leaseId) return fresh(leaseId);
  if (stored === undefined || stored.lapsed || (begins && leaseId === "")) return fresh(newId);
  // Never shorter: the gateway may not get the answer, and would count the longer one.
  return { ...stored, durationMs: Math.max(stored.durationMs, request.durationMs ?? 0) };
}

export function encodeLease(lease: Lease): Uint8Array {
  return Buffer.from(JSON.stringify(lease));
}

/** The lease in an entry; undefined when this version can't read it. */
export function decodeLease(value: Uint8Array): Lease | undefined {
  try {
    const lease: Partial<Record<keyof Lease, unknown>> = JSON.parse(Buffer.from(value).toString());
    const { leaseId, caller, gateway, durationMs, lapsed, graceMs } = lease;
    const isWhole =
      [leaseId, caller, gateway].every((field) => typeof field === "string") &&
      [durationMs, graceMs].every(Number.isSafeInteger) &&
      typeof lapsed === "boolean";
    return isWhole ? (lease as Lease) : undefined;
  } catch {
    return undefined;
  }
}
