import { settledAll } from "../../async/settled-all.ts";
import type { SessionContext } from "../context.ts";
import { gatewayId } from "../ids.ts";
import type { Lease } from "../lease/lease.ts";
import type { SessionParts } from "../parts.ts";
import { END_REJECTIONS } from "../rejections.ts";
import { checkRenew, MOST_IDS } from "../request.ts";
import type { RenewRequest, SessionEnd, SessionService } from "../service.ts";
import type { KnownSession } from "../view/held.ts";
import type { SessionView } from "../view/view.ts";
import { settlePage } from "./settle-page.ts";

/**
 * Renews leases. What a gateway has closed is freed; whether it holds what is known here is told by a digest, and only
 * where that differs by lists of its sessions.
 */
export function createRenew(parts: SessionContext): SessionService["renew"] {
  const { hash, view, leases, closing, profiles } = parts;

  return async (request, caller) => {
    checkRenew(request);
    const { leaseId, leaseMs: durationMs, closedSessionIds } = request;
    const owner = { caller: caller.name, gateway: request.gatewayId };
    const gateway = gatewayId(owner, hash);
    // What was closed is freed even if the lease can't be renewed.
    const [{ lease, id: renewalId, before }] = await settledAll([
      leases.renew(gateway, { ...owner, leaseId, durationMs, newId: parts.newLeaseId() }),
      closing.byGateway(closedSessionIds, gateway, caller, "CLOSED"),
    ]);
    const answer = { lease: { leaseId: lease.leaseId, durationMs: lease.durationMs }, renewalId };
    if (lease.leaseId !== leaseId) return { ...answer, ended: [], listWanted: false };
    // A page that was delayed may lack what was opened since. Then the gateway has given it up, and renewed.
    const page = request.page?.renewalId === before ? request.page : undefined;
    const missing = page === undefined ? [] : await settlePage(page, { gateway, lease, caller }, parts);
    const ended = [...missing, ...endedSessions(view, gateway, lease.leaseId, profiles())].slice(0, MOST_IDS);
    return { ...answer, ended, listWanted: page === undefined && differs(request, gateway, lease) };
  };

  /** A view that is still being read knows too little to tell. */
  function differs({ sessionCount, digest }: RenewRequest, gateway: string, { leaseId }: Lease): boolean {
    const held = view.held(gateway, leaseId);
    if (!view.isCurrent) return false;
    return held === undefined ? sessionCount > 0 : !held.equals(sessionCount, digest);
  }
}

/** The sessions under a lease that the service has ended, and that the gateway has not closed. */
export function* endedSessions(
  view: SessionView,
  gateway: string,
  leaseId: string,
  profiles: ReturnType<SessionParts["profiles"]>,
): Generator<SessionEnd> {
  for (const session of view.held(gateway, leaseId)?.ended() ?? []) yield endOf(session, profiles);
}

function endOf(
  { sessionId, profile, ended }: KnownSession,
  profiles: ReturnType<SessionParts["profiles"]>,
): SessionEnd {
  return { sessionId, profile: profiles.get(profile), rejection: END_REJECTIONS[ended ?? "SESSION_ENDED"] };
}
