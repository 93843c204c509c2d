import type { SessionService } from "../../../src/session/service.ts";
import { callerNamed } from "../../support/caller.ts";
import type { GatewayCalls } from "../../support/sessions/obedient-gateway.ts";
import { openRequest } from "../sessions-under-test.ts";

const CALLER = callerNamed("gateway");

/** A replica of this process, as gateways call it. */
export function localCalls(service: Pick<SessionService, "open" | "renew">): GatewayCalls {
  return {
    async open({ connectionId, ...request }) {
      const { verification, opened } = await service.open(openRequest(connectionId, request), CALLER);
      const { verdict } = verification;
      return {
        outcome: verdict.valid ? "opened" : verdict.rejection.reason,
        sessionId: opened?.session.sessionId ?? "",
        resume: opened?.session.resume ?? new Uint8Array(),
        leaseId: opened?.lease.leaseId ?? "",
      };
    },
    async renew(request) {
      const { lease, ended, ...answer } = await service.renew(request, CALLER);
      return { ...lease, ...answer, ended: ended.map(({ sessionId }) => sessionId) };
    },
  };
}
