import { createHmac, randomBytes } from "node:crypto";
import type { Shutdown } from "../../async/shutdown.ts";
import { deriveKey } from "../../jose/kek.ts";
import { createSessionSealer } from "../../jose/session-seal.ts";
import { createUseForSession } from "../../session/calls/use-token.ts";
import type { SessionService } from "../../session/service.ts";
import { createSessions } from "../../session/sessions.ts";
import { traceRejection } from "../traces/traced.ts";
import type { ServiceParts } from "./parts.ts";
import { createKeysOf, type Sources } from "./sources.ts";
import type { Verify } from "./verify.ts";

/** The sessions of this replica. */
export interface OpenSessions {
  readonly service: SessionService;
  /** How many sessions are open, whichever replica opened them, and how many gateways hold a lease. */
  figures(): { readonly open: number; readonly gateways: number };
}

const LEASE_ID_BYTES = 8;

/** Opens the sessions, and keeps them up to date in the background until `endings` stop them. */
export function openSessions(
  { state, keks, audit, counter, live, metrics, now, log, isNew, tracing }: ServiceParts,
  sources: Sources,
  { session: verify, useUp }: Verify,
  endings: Shutdown,
): OpenSessions {
  const hashKey = deriveKey(keks[0], "session hash");
  const sessions = createSessions({
    ...{ live: state.live, verify, consume: createUseForSession(useUp), now, audit, counter },
    profiles: live.profiles,
    keysOf: createKeysOf(sources),
    revocations: sources.revocations,
    hashSubject: sources.hasher.hash,
    hash: (text) => createHmac("sha256", hashKey).update(text).digest(),
    sealer: createSessionSealer(keks),
    newLeaseId: () => randomBytes(LEASE_ID_BYTES).toString("hex"),
    random: Math.random,
    monotonic: () => performance.now(),
    onOpened: metrics.sessionOpened,
    onClosed: metrics.sessionClosed,
    onRefused(profile, reason) {
      traceRejection(tracing, reason);
      metrics.rejected(profile, reason);
    },
    onProblem(error) {
      if (isNew("sessions", error)) log("error", { type: "sessions.failed", error });
    },
  });
  endings.add(() => sessions.stop());
  sessions.start();
  return { service: sessions, figures: sessions.figures };
}
