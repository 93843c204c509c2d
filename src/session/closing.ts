import type { AuditEvent } from "../audit/event.ts";
import type { SessionCloseReason } from "../audit/events/session.ts";
import type { Caller } from "../caller.ts";
import type { Counters, Removed } from "./counter/counters.ts";
import type { SessionRow } from "./counter/record.ts";
import type { SessionParts } from "./parts.ts";
import type { KnownSession } from "./view/held.ts";
import type { SessionView } from "./view/view.ts";

interface ClosingParts extends Pick<SessionParts, "audit" | "now" | "onClosed" | "onProblem"> {
  readonly view: SessionView;
  readonly counters: Pick<Counters, "remove">;
}

/** Frees the slots of sessions, and reports each that was not free. Rejects with the Problem SESSIONS_UNAVAILABLE. */
export interface Closing {
  /** Sessions that their gateway no longer holds. Those of other gateways are ignored. */
  byGateway(
    sessionIds: Iterable<string>,
    gateway: string,
    caller: Caller,
    reason: "CLOSED" | "NOT_HELD",
  ): Promise<void>;
  /** Sessions whose leases have ended. */
  ofEndedLeases(sessionIds: Iterable<string>, hasEnded: (row: SessionRow) => boolean): Promise<void>;
}

export function createClosing({ view, counters, audit, now, onClosed, onProblem }: ClosingParts): Closing {
  /** The slots are free already: an audit log that is full or broken must not keep a gateway waiting. */
  async function report(
    removed: readonly Removed[],
    reasonOf: (sessionId: string) => SessionCloseReason,
    by?: Caller,
  ): Promise<void> {
    for (const { sessionId, record } of removed) onClosed(record.profile, reasonOf(sessionId));
    const events = removed.map((one) => closedEvent(one, reasonOf(one.sessionId), by, view));
    await Promise.all(events.map((event) => audit.append(event, now()))).catch(onProblem);
  }

  return {
    async byGateway(sessionIds, gateway, caller, reason) {
      const ids = [...sessionIds];
      // Read before they are removed: the view forgets them then.
      const ended = new Map(ids.map((id) => [id, view.session(id)?.ended]));
      const removed = await counters.remove(ids, (row) => row.gateway === gateway);
      await report(removed, (id) => ended.get(id) ?? reason, caller);
    },
    async ofEndedLeases(sessionIds, hasEnded) {
      await report(await counters.remove(sessionIds, hasEnded), () => "LEASE_LAPSED");
    },
  };
}

function closedEvent(
  { sessionId, record: { profile, tenant }, row }: Removed,
  reason: SessionCloseReason,
  by: Caller | undefined,
  view: SessionView,
): AuditEvent {
  const { caller = "", gateway = "" } = view.lease(row.gateway)?.lease ?? {};
  return {
    ...{ type: "session.closed", profile, tenant, sessionId, keyId: row.kid, reason, openedAt: row.openedAt * 1000 },
    caller: by ?? { name: caller, proof: "", address: "" },
    gatewayId: gateway,
  };
}

/** The ids of sessions by the gateway and the lease that they were opened under. */
export function byLease(sessions: Iterable<KnownSession>): Map<string, KnownSession[]> {
  return Map.groupBy(sessions, ({ row }) => leaseKey(row));
}

/** A lease's id is unique within its gateway. */
export function leaseKey({ gateway, lease }: Pick<SessionRow, "gateway" | "lease">): string {
  return gateway + lease;
}
