import { unknownProfile } from "../../problem/problem.ts";
import { revocationHash } from "../ids.ts";
import type { Lease } from "../lease/lease.ts";
import type { SessionParts } from "../parts.ts";
import { checkList } from "../request.ts";
import type { ListedSession, ListRequest, SessionService } from "../service.ts";
import type { KnownSession } from "../view/held.ts";
import type { SessionView } from "../view/view.ts";

interface Live {
  readonly session: KnownSession;
  readonly lease: Lease;
}

/** Lists what this replica knows, which may be a moment behind the store. */
export function createList(
  { profiles }: Pick<SessionParts, "profiles">,
  view: Pick<SessionView, "live">,
): SessionService["list"] {
  return (request, mayList) => {
    const size = checkList(request);
    if (request.profile !== "" && !profiles().has(request.profile)) throw unknownProfile(request.profile);
    const isWanted = createFilter(request);
    const page = new SmallestIds(size + 1);
    for (const live of view.live()) {
      const { sessionId, profile, tenant } = live.session;
      if (sessionId > request.pageToken && isWanted(live) && mayList(profile, tenant)) page.offer(live);
    }
    const sessions = page.all.slice(0, size).map((live) => listed(live, profiles()));
    return { sessions, nextPageToken: page.all.length > size ? (sessions.at(-1)?.sessionId ?? "") : "" };
  };
}

function createFilter({ profile, tenant, gatewayId, tokenId }: ListRequest): (live: Live) => boolean {
  const tokenHashes = new Map<string, string>();
  const tokenHash = (ofTenant: string): string => {
    const known = tokenHashes.get(ofTenant) ?? revocationHash("token", profile, ofTenant, tokenId);
    tokenHashes.set(ofTenant, known);
    return known;
  };
  return ({ session, lease }) =>
    (profile === "" || session.profile === profile) &&
    (tenant === "" || session.tenant === tenant) &&
    (gatewayId === "" || lease.gateway === gatewayId) &&
    (tokenId === "" || session.row.token === tokenHash(session.tenant));
}

/** The sessions with the smallest ids of those that are offered: sorting 10⁵ for each page would cost too much. */
class SmallestIds {
  readonly all: Live[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  offer(live: Live): void {
    const { all } = this;
    const { sessionId } = live.session;
    if (all.length === this.#size && sessionId > (all.at(-1)?.session.sessionId ?? "")) return;
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle]?.session.sessionId ?? "") < sessionId) low = middle + 1;
      else high = middle;
    }
    all.splice(low, 0, live);
    if (all.length > this.#size) all.pop();
  }
}

function listed({ session, lease }: Live, profiles: ReturnType<SessionParts["profiles"]>): ListedSession {
  const { sessionId, profile, tenant, row } = session;
  const sessionMax = profiles.get(profile)?.lifetime.sessionMax;
  return {
    ...{ sessionId, caller: lease.caller, gatewayId: lease.gateway, profile, tenant, keyId: row.kid },
    openedAt: row.openedAt * 1000,
    deadline: sessionMax === undefined ? undefined : (row.openedAt + sessionMax) * 1000,
  };
}
