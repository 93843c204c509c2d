import { gatewayId } from "../ids.ts";
import type { SessionParts } from "../parts.ts";
import { checkGateway } from "../request.ts";
import type { SessionEnd, SessionService } from "../service.ts";
import type { Endings } from "../view/endings.ts";
import type { SessionView } from "../view/view.ts";
import { endedSessions } from "./renew.ts";

/** Yields the ends of a gateway's sessions, each once as long as its lease lives. */
export function createWatch(
  { hash, profiles }: Pick<SessionParts, "hash" | "profiles">,
  view: SessionView,
  endings: Pick<Endings, "watcher">,
): SessionService["watch"] {
  return async function* watch(gateway, caller, signal): AsyncGenerator<SessionEnd | "current"> {
    checkGateway(gateway);
    const id = gatewayId({ caller: caller.name, gateway }, hash);
    const { changed, leave } = endings.watcher(id);
    /** Of the lease that was current when they were yielded. */
    let yielded = new Set<string>();
    let [leaseId, isCurrent] = ["", false];
    try {
      while (!signal.aborted) {
        const current = view.lease(id)?.lease.leaseId ?? "";
        if (current !== leaseId) [leaseId, yielded] = [current, new Set()];
        const ended = [...endedSessions(view, id, leaseId, profiles())].filter((one) => !yielded.has(one.sessionId));
        for (const end of ended) {
          yielded.add(end.sessionId);
          yield end;
        }
        if (!isCurrent && view.isCurrent) {
          isCurrent = true;
          yield "current";
        } else if (ended.length === 0) await changed.wait(signal);
      }
    } finally {
      leave();
    }
  };
}
