import { settledAll } from "../../async/settled-all.ts";
import type { Caller } from "../../caller.ts";
import type { SessionContext } from "../context.ts";
import { putBackIn } from "../counter/record.ts";
import { connectionOf, counterOf } from "../ids.ts";
import type { Lease } from "../lease/lease.ts";
import { SESSION_ENDED } from "../rejections.ts";
import { openResume } from "../resume.ts";
import type { HeldSession, SessionEnd, SessionPage } from "../service.ts";

interface PageOwner {
  /** The hash of the gateway. */
  readonly gateway: string;
  readonly lease: Lease;
  readonly caller: Caller;
}

/** How many sessions that the view lacks are looked up at a time. */
const AT_ONCE = 100;

/**
 * Settles a page of what a gateway holds: closes what it does not list, and returns what it lists and does not hold. A
 * session that a store has lost is put back while it settles. Rejects with the Problem SESSIONS_UNAVAILABLE.
 */
export async function settlePage(
  page: SessionPage,
  owner: PageOwner,
  parts: SessionContext,
): Promise<readonly SessionEnd[]> {
  const { view, closing } = parts;
  const { gateway, lease, caller } = owner;
  const held = view.held(gateway, lease.leaseId);
  await closing.byGateway(notListed(page, owner, parts), gateway, caller, "NOT_HELD");
  const unknown = page.sessions.filter(({ sessionId }) => held?.get(sessionId) === undefined);
  const ended: SessionEnd[] = [];
  for (let at = 0; at < unknown.length; at += AT_ONCE) {
    const slice = unknown.slice(at, at + AT_ONCE);
    const ends = await settledAll(slice.map((session) => endUnlessOpen(session, owner, parts)));
    ended.push(...ends.filter((end) => end !== undefined));
  }
  return ended;
}

/**
 * The known sessions in the range of a page that it lacks. One that was seen for less than a lease may have been opened
 * since the gateway began the list, which then has no answer yet.
 */
function* notListed(
  page: SessionPage,
  { gateway, lease }: PageOwner,
  { view, monotonic }: SessionContext,
): Generator<string> {
  const listed = new Set(page.sessions.map(({ sessionId }) => sessionId));
  const end = page.last ? undefined : page.sessions.at(-1)?.sessionId;
  const openedBefore = monotonic() - lease.durationMs;
  for (const { sessionId, seenAt } of view.held(gateway, lease.leaseId)?.all() ?? []) {
    const isInRange = sessionId > page.after && (end === undefined || sessionId <= end);
    if (isInRange && !listed.has(sessionId) && seenAt < openedBefore) yield sessionId;
  }
}

/** The view may be behind the store, so the counter is read. Undefined: the session is open. */
async function endUnlessOpen(
  { sessionId, resume }: HeldSession,
  { gateway, lease: { leaseId: lease } }: PageOwner,
  { counters, leases, live, sealer, profiles }: SessionContext,
): Promise<SessionEnd | undefined> {
  const [counter, connection] = [counterOf(sessionId), connectionOf(sessionId)];
  const stored = await counters.read(counter);
  if (stored?.sessions.some((row) => row.connection === connection && row.lease === lease)) return undefined;
  const resumable = openResume(sessionId, resume, { connection, gateway, lease }, sealer);
  if (resumable === undefined || !live.isSettling(leases.longestMs)) {
    const profile = resumable && profiles().get(resumable.counter.profile);
    return { sessionId, profile, rejection: SESSION_ENDED };
  }
  await counters.change(counter, resumable.counter, (record) => {
    const next = putBackIn(record, resumable.row);
    return next === undefined ? { result: undefined } : { record: next, result: undefined };
  });
  return undefined;
}
