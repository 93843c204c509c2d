import { byLease, type Closing } from "./closing.ts";
import type { Leases } from "./lease/leases.ts";
import type { SessionStore } from "./parts.ts";
import type { SessionView } from "./view/view.ts";

interface SweepParts {
  readonly view: SessionView;
  readonly leases: Leases;
  readonly closing: Pick<Closing, "ofEndedLeases">;
  readonly live: SessionStore;
}

/**
 * Ends the leases that have lapsed, and frees the slots of sessions whose leases have ended. Every replica does so: of
 * those that end one lease, one succeeds. Rejects with the Problem SESSIONS_UNAVAILABLE.
 */
export async function sweepSessions({ view, leases, closing, live }: SweepParts): Promise<void> {
  // While gateways put leases back, what lacks one may have one soon.
  if (!view.isCurrent || live.isSettling(leases.longestMs)) return;
  for (const { gateway, lease } of [...leases.lapsed()]) await leases.hasEnded(gateway, lease.leaseId);
  for (const sessions of byLease(view.orphans()).values()) {
    const [first] = sessions;
    if (first === undefined || !(await leases.hasEnded(first.row.gateway, first.row.lease))) continue;
    const isOfLease = ({ lease }: { readonly lease: string }): boolean => lease === first.row.lease;
    await closing.ofEndedLeases(
      sessions.map(({ sessionId }) => sessionId),
      isOfLease,
    );
  }
}
