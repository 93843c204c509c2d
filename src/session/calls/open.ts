import type { Caller } from "../../caller.ts";
import { auditProblem } from "../../problem/audit-problem.ts";
import { Problem, unknownProfile } from "../../problem/problem.ts";
import { subjectInEvent } from "../../profile/model/audit.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { Rejection } from "../../token/rejection.ts";
import type { Verdict } from "../../token/verify/verify.ts";
import type { VerifyAnswer } from "../../token/verify/verify-token.ts";
import type { SessionContext } from "../context.ts";
import type { CounterRecord, Opening, SessionRow } from "../counter/record.ts";
import { connectionHash, counterId, gatewayId, type Owner, revocationHash, sessionId } from "../ids.ts";
import type { Lease } from "../lease/lease.ts";
import { sessionsSettling, sessionsUnknown } from "../problems.ts";
import { NO_SLOT, SESSION_ENDED, TOO_MANY_SESSIONS } from "../rejections.ts";
import { checkOpen } from "../request.ts";
import { sealResume } from "../resume.ts";
import type { OpenAnswer, OpenRequest, OpenVerification, SessionService } from "../service.ts";
import { type Slot, slotOf } from "../slot.ts";
import { takeSlot } from "./take-slot.ts";

type ValidToken = Extract<Verdict, { readonly valid: true }>;
type Taken = Extract<Opening, { readonly outcome: "opened" | "already" }>;

/** A valid token, and the connection that it is to open. */
interface Candidate {
  readonly request: OpenRequest;
  readonly verification: OpenVerification;
  readonly answer: VerifyAnswer;
  readonly token: ValidToken;
  readonly caller: Caller;
  readonly owner: Owner;
  readonly slot: Slot;
  /** The id of the slot's counter, and what it is before its first session. */
  readonly counter: string;
  readonly empty: Omit<CounterRecord, "sessions">;
}

/**
 * Opens sessions. The token is verified first. Then the slot is taken, which is the only step that other calls see.
 * Then the token is used up, where it may be used once, and the event is stored. A step that fails gives the slot back.
 */
export function createOpen(parts: SessionContext): SessionService["open"] {
  const { live, verify, consume, profiles, hash, view, leases, counters, audit, now } = parts;

  return async (request, caller) => {
    const verification = checkOpen(request, profiles(), now());
    requireSessions(profiles().get(verification.profile), verification.profile);
    const answer = await verify(verification, caller);
    const { profile, verdict: token } = answer;
    // A reload may have taken the sessions away meanwhile.
    if (!token.valid || profile.sessions === undefined) return { verification: answer, opened: undefined };
    const slot = slotOf(profile, profile.sessions, verification.tenant, token);
    if (slot === undefined) return refuse(answer, NO_SLOT, caller);
    requireSettled(slot);
    const { value: _, ...empty } = slot.counter;
    const owner = { caller: caller.name, gateway: request.gatewayId };
    const counter = counterId(slot.counter, hash);
    return openFor({ request, verification, answer, token, caller, owner, slot, counter, empty });
  };

  async function openFor(candidate: Candidate): Promise<OpenAnswer> {
    const { request, verification, answer, caller, owner, slot, counter, empty } = candidate;
    const { leaseId, leaseMs: durationMs } = request;
    const gateway = gatewayId(owner, hash);
    const lease = await leases.hold(gateway, { ...owner, leaseId, durationMs, newId: parts.newLeaseId() });
    const row = rowOf(candidate, gateway, lease);
    const id = sessionId(counter, row.connection);
    const other = view.held(gateway, lease.leaseId)?.onConnection(row.connection);
    if (other !== undefined && other.sessionId !== id) throw connectionOpen();
    const opening = await takeSlot({ id: counter, empty, limit: slot.limit, row }, parts);
    if (opening.outcome === "other_token") throw connectionOpen();
    if (opening.outcome === "full") return refuse(answer, TOO_MANY_SESSIONS, caller);
    try {
      // Again: the store may have been lost meanwhile, and the slot be one of an empty store.
      requireSettled(slot);
      const rejection = await consume(verification, answer, id);
      if (rejection === undefined) {
        await reportOpened(candidate, opening, id);
        if (opening.outcome === "opened") parts.onOpened(answer.profile.name);
        return answerOf(candidate, opening, lease, id);
      }
      await giveBack(id, opening);
      return refuse(answer, rejection, caller);
    } catch (error) {
      await giveBack(id, opening);
      throw error;
    }
  }

  function requireSettled({ limit }: Slot): void {
    if (limit === undefined || !live.isSettling(leases.longestMs)) return;
    throw live.generation() === undefined ? sessionsUnknown() : sessionsSettling();
  }

  function rowOf(
    { request, verification, answer, token, owner }: Candidate,
    gateway: string,
    lease: Lease,
  ): SessionRow {
    const { name } = answer.profile;
    const { tenant } = verification;
    const subject = token.subject ? parts.hashSubject(token.subject) : "";
    return {
      connection: connectionHash(owner, request.connectionId, hash),
      gateway,
      lease: lease.leaseId,
      openedAt: Math.floor(now() / 1000),
      kid: token.keyId,
      token: revocationHash("token", name, tenant, token.tokenId),
      issuedAt: token.issuedAt,
      subject: subject === "" ? "" : revocationHash("subject", name, tenant, subject),
      shared: false,
    };
  }

  /**
   * A slot that can't be given back is freed when its gateway lists what it holds. One that has answered another call
   * is not given back: its gateway may hold the session.
   */
  async function giveBack(id: string, opening: Taken): Promise<void> {
    if (opening.outcome !== "opened") return;
    const { lease, openedAt } = opening.row;
    const isIt = (row: SessionRow): boolean => row.lease === lease && row.openedAt === openedAt && !row.shared;
    await counters.remove([id], isIt).catch(parts.onProblem);
  }

  /** Also for a session that was open already: the call that opened it may have died before its event. */
  async function reportOpened(candidate: Candidate, { row, count }: Taken, id: string): Promise<void> {
    const { request, verification, answer, token, caller, slot } = candidate;
    await audit
      .append(
        {
          ...{ type: "session.opened", profile: answer.profile.name, tenant: verification.tenant, sessionId: id },
          ...{ tokenId: token.tokenId, keyId: row.kid, caller },
          ...{ gatewayId: request.gatewayId, connectionId: request.connectionId },
          ...subjectInEvent(token.subject, answer.profile, parts.hashSubject),
          ...countsOf(slot, count),
          deadline: deadlineOf(answer.profile, row),
        },
        now(),
      )
      .catch((cause) => {
        throw auditProblem(cause, "opened");
      });
  }

  function answerOf(
    candidate: Candidate,
    { row, count }: Taken,
    { leaseId, durationMs }: Lease,
    id: string,
  ): OpenAnswer {
    const { request, answer, slot, empty } = candidate;
    const { idleMax } = answer.profile.lifetime;
    const session = {
      sessionId: id,
      connectionId: request.connectionId,
      openedAt: row.openedAt * 1000,
      deadline: deadlineOf(answer.profile, row),
      idleMaxMs: idleMax === undefined ? undefined : idleMax * 1000,
      resume: sealResume(id, { counter: empty, row }, parts.sealer),
    };
    const counts = countsOf(slot, count);
    return {
      verification: answer,
      opened: { session, lease: { leaseId, durationMs }, ...counts, atDeadline: SESSION_ENDED },
    };
  }

  function refuse(answer: VerifyAnswer, rejection: Rejection, caller: Caller): OpenAnswer {
    parts.onRefused(answer.profile.name, rejection.reason);
    parts.counter.count({ type: "session.refused", profile: answer.profile.name, caller, reason: rejection.reason });
    const { verdict } = answer;
    if (!verdict.valid) return { verification: answer, opened: undefined };
    const { keyId, tokenId, expiresAt } = verdict;
    const refused: Verdict = { valid: false, rejection, identified: { keyId, tokenId, expiresAt } };
    return { verification: { ...answer, verdict: refused, warnings: [] }, opened: undefined };
  }
}

function requireSessions(profile: Profile | undefined, name: string): void {
  if (profile === undefined) throw unknownProfile(name);
  if (profile.sessions === undefined)
    throw new Problem("NO_SESSIONS", "the profile has no sessions: VerifyToken verifies its tokens");
}

function connectionOpen(): Problem {
  return new Problem(
    "CONNECTION_OPEN",
    "the connection of the gateway is open under another token: each connection needs a connection_id of its own",
  );
}

function countsOf({ limit }: Slot, count: number) {
  return { openSessions: limit === undefined ? 0 : count, maxSessions: limit ?? 0 };
}

function deadlineOf({ lifetime: { sessionMax } }: Profile, { openedAt }: SessionRow): number | undefined {
  return sessionMax === undefined ? undefined : (openedAt + sessionMax) * 1000;
}
