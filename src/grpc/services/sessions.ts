import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import type {
  CloseSessionsRequest,
  CloseSessionsResponse,
  ListedSession as ListedSessionMessage,
  ListSessionsRequest,
  ListSessionsResponse,
  OpenSessionRequest,
  OpenSessionResponse,
  RenewSessionsRequest,
  RenewSessionsResponse,
  SessionEnd as SessionEndMessage,
  SessionLease as SessionLeaseMessage,
  Session as SessionMessage,
  WatchSessionsRequest,
  WatchSessionsResponse,
} from "../../gen/signet/v1/session.ts";
import type { ListedSession, Session, SessionEnd, SessionLease, SessionService } from "../../session/service.ts";
import { admitList, openQuestion } from "../questions.ts";
import { whileAdmitted } from "../while-admitted.ts";
import { rejectionMessage } from "../wire/rejection.ts";
import { durationOfMs, msOfDuration, timestampOfMs } from "../wire/times.ts";
import { verifyResponse } from "./verify.ts";

/** Handlers of the methods of `SessionService`. `profiles` are the names of those in use. */
export function sessionHandlers(service: SessionService, access: Access, profiles: () => Iterable<string>) {
  return {
    async openSession(request: OpenSessionRequest, caller: Caller): Promise<OpenSessionResponse> {
      const question = openQuestion(request);
      access.admit(caller, question);
      const leaseMs = msOfDuration(request.lease);
      const { verification, opened } = await service.open({ ...request, leaseMs }, caller);
      const maySeeDiagnosis = () => access.allows(caller, { ...question, needs: ["diagnosis"] });
      return {
        verification: verifyResponse(verification, maySeeDiagnosis),
        session: opened && sessionMessage(opened.session),
        lease: opened && leaseMessage(opened.lease),
        openSessions: opened?.openSessions ?? 0,
        maxSessions: opened?.maxSessions ?? 0,
        atDeadline: opened && rejectionMessage(opened.atDeadline, verification.profile, true),
      };
    },

    async renewSessions(request: RenewSessionsRequest, caller: Caller): Promise<RenewSessionsResponse> {
      access.admit(caller, { method: "RenewSessions" });
      const leaseMs = msOfDuration(request.lease);
      const { lease, ended, ...answer } = await service.renew({ ...request, leaseMs }, caller);
      return { ...answer, lease: leaseMessage(lease), ended: ended.map(endMessage) };
    },

    async closeSessions(request: CloseSessionsRequest, caller: Caller): Promise<CloseSessionsResponse> {
      access.admit(caller, { method: "CloseSessions" });
      await service.close(request, caller);
      return {};
    },

    listSessions(request: ListSessionsRequest, caller: Caller): ListSessionsResponse {
      const mayList = admitList(request, { access, caller, profiles: profiles() });
      const { sessions, nextPageToken } = service.list(request, mayList);
      return { sessions: sessions.map(listedMessage), nextPageToken };
    },

    async *watchSessions(
      { gatewayId }: WatchSessionsRequest,
      caller: Caller,
      signal: AbortSignal,
    ): AsyncGenerator<WatchSessionsResponse> {
      const watcher = { access, caller, question: { method: "WatchSessions" } } as const;
      const changes = whileAdmitted(watcher, signal, (either) => service.watch(gatewayId, caller, either));
      for await (const change of changes) yield { change: changeMessage(change) };
    },
  };
}

function sessionMessage({ sessionId, connectionId, openedAt, deadline, idleMaxMs, resume }: Session): SessionMessage {
  return {
    sessionId,
    connectionId,
    openedAt: timestampOfMs(openedAt),
    deadline: timestampOfMs(deadline),
    idleMax: idleMaxMs === undefined ? undefined : durationOfMs(idleMaxMs),
    resume: Buffer.from(resume),
  };
}

function leaseMessage({ leaseId, durationMs }: SessionLease): SessionLeaseMessage {
  return { leaseId, duration: durationOfMs(durationMs) };
}

/** Whether the client of a session sends frames is not kept: the gateway that holds its connection knows. */
function endMessage({ sessionId, profile, rejection }: SessionEnd): SessionEndMessage {
  return { sessionId, rejection: rejectionMessage(rejection, profile, true) };
}

function changeMessage(change: SessionEnd | "current"): NonNullable<WatchSessionsResponse["change"]> {
  if (change === "current") return { $case: "current", value: true };
  return { $case: "ended", value: endMessage(change) };
}

function listedMessage({ openedAt, deadline, ...session }: ListedSession): ListedSessionMessage {
  return { ...session, openedAt: timestampOfMs(openedAt), deadline: timestampOfMs(deadline) };
}
