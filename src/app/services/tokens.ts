import type { Shutdown } from "../../async/shutdown.ts";
import type { TokenService } from "../../grpc/services/tokens.ts";
import { notForwarded } from "../../problem/audit-problem.ts";
import { Problem } from "../../problem/problem.ts";
import { storeForgets } from "../../replica/fitness.ts";
import { createRevokeTokens, createWatchRevocations } from "../../revoke/revocation-service.ts";
import { createIssueToken } from "../../token/issue/issue-token.ts";
import { createRequestIds, type RequestIds } from "../../token/issue/request-ids.ts";
import { createTokenSigner, type IssuedToken } from "../../token/issue/token-signer.ts";
import { countRevocations } from "../counted.ts";
import type { ServiceParts } from "./parts.ts";
import type { Sources } from "./sources.ts";
import { commonParts, type Verify } from "./verify.ts";

export function createTokenService(
  parts: ServiceParts,
  sources: Sources,
  verify: Verify,
  endings: Shutdown,
): TokenService {
  const { config, state, audit, auditSettings, forwardingObstacle, counter, live, limits, metrics } = parts;
  const { publishKey, newTokenId, now, tracing } = parts;
  const { revocations, hasher, digestClaims } = sources;
  const { requireFit, requireRightClock } = state.fitness;
  return {
    issue: createIssueToken({
      ...commonParts(parts, sources),
      signer: createTokenSigner({
        audit,
        publishKey,
        hashSubject: hasher.hash,
        digestClaims,
        verifyEvery: config.verifyEvery,
        now,
        onWithheld: metrics.withheld,
        onUnrecorded: (kid) => parts.signatures.unrecorded(kid),
        calls: tracing,
      }),
      requestIds: startRequestIds(now, endings),
      isRevoked: revocations.has,
      requireFit() {
        requireFit();
        if (auditSettings().refused.length > 0) throw storeForgets("audit events");
      },
      requireForwarding() {
        if (forwardingObstacle() !== undefined)
          throw notForwarded("NATS takes no audit events now: nothing was signed");
      },
      meter: limits.issue,
      newTokenId,
      onIssued: metrics.issued,
      onDenied(profile, caller, requestId, error) {
        const reason = error instanceof Problem ? error.code : "INTERNAL";
        counter.count({ type: "token.denied", profile, caller, reason, requestId });
        metrics.denied(profile, reason);
      },
    }),
    verify: verify.token,
    revoke: countRevocations(
      createRevokeTokens({ profiles: live.profiles, revocations, hasher, requireRightClock, audit, now }),
      metrics,
    ),
    watchRevocations: createWatchRevocations(live.profiles, revocations),
  };
}

/** How long an answer may stay in memory after its two minutes. A full cache takes a millisecond or two to purge. */
const PURGE_MS = 5_000;

function startRequestIds(now: () => number, endings: Shutdown): RequestIds<IssuedToken> {
  const requestIds = createRequestIds<IssuedToken>(now);
  // Unref'ed: freeing memory is no reason to keep the process alive.
  const purging = setInterval(requestIds.purge, PURGE_MS).unref();
  endings.add(() => clearInterval(purging));
  return requestIds;
}
