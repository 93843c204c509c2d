import { credentials } from "@grpc/grpc-js";
import {
  CloseSessionsRequest,
  ListSessionsRequest,
  OpenSessionRequest,
  RenewSessionsRequest,
  SessionServiceClient,
  type WatchSessionsResponse,
} from "../../../src/gen/signet/v1/session.ts";
import { VerifyTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { durationOfMs } from "../../../src/grpc/wire/times.ts";
import { verdictOf } from "../profiles/dialect.ts";
import { promised, type Service } from "../service/service.ts";
import type { Ending } from "../service/shared.ts";
import type { GatewayCalls } from "./obedient-gateway.ts";

/** The session service of a process, as gateways call it. */
export interface RemoteSessions extends GatewayCalls {
  close(gatewayId: string, sessionIds: readonly string[]): Promise<unknown>;
  /** How many sessions the replica lists. */
  count(): Promise<number>;
  /** Collects what the watch of a gateway yields, until the test ends. */
  watch(gatewayId: string): WatchSessionsResponse[];
}

export function remoteSessions(t: Ending, { app }: Pick<Service, "app">): RemoteSessions {
  const client = new SessionServiceClient(app.addresses.grpc, credentials.createInsecure());
  t.teardown(() => client.close());
  return {
    async open({ token, ...request }) {
      const credential = { $case: "token", value: token } as const;
      const verification = { profile: "euler-stream", credential, context: { uniqueId: "anybody" } };
      const whole = OpenSessionRequest.fromPartial({ ...request, verification });
      const { verification: answer, session, lease } = await promised(client.openSession.bind(client), whole);
      return {
        outcome: answer?.valid ? "opened" : verdictOf(answer ?? VerifyTokenResponse.fromPartial({})),
        sessionId: session?.sessionId ?? "",
        resume: session?.resume ?? Buffer.alloc(0),
        leaseId: lease?.leaseId ?? "",
      };
    },
    async renew({ leaseMs, closedSessionIds, digest, page, ...request }) {
      const lease = leaseMs === undefined ? undefined : durationOfMs(leaseMs);
      const sessions = (page?.sessions ?? []).map((one) => ({ ...one, resume: Buffer.from(one.resume) }));
      const whole = RenewSessionsRequest.fromPartial({
        ...{ ...request, lease, closedSessionIds: [...closedSessionIds], digest: Buffer.from(digest) },
        page: page && { ...page, sessions },
      });
      const { lease: held, ended, ...answer } = await promised(client.renewSessions.bind(client), whole);
      const durationMs = Number(held?.duration?.seconds ?? 0) * 1000 + (held?.duration?.nanos ?? 0) / 1e6;
      return { ...answer, leaseId: held?.leaseId ?? "", durationMs, ended: ended.map(({ sessionId }) => sessionId) };
    },
    close: (gatewayId, sessionIds) =>
      promised(
        client.closeSessions.bind(client),
        CloseSessionsRequest.fromPartial({ gatewayId, sessionIds: [...sessionIds] }),
      ),
    async count() {
      const request = ListSessionsRequest.fromPartial({ pageSize: 1_000 });
      return (await promised(client.listSessions.bind(client), request)).sessions.length;
    },
    watch(gatewayId) {
      const yielded: WatchSessionsResponse[] = [];
      const stream = client.watchSessions({ gatewayId });
      stream.on("data", (change: WatchSessionsResponse) => yielded.push(change));
      stream.on("error", () => undefined);
      t.teardown(() => stream.cancel());
      return yielded;
    },
  };
}
