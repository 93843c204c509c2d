import { NOBODY } from "../../audit/event-counter.ts";
import type { Party } from "../../audit/events/event-type.ts";
import type { RejectedToken } from "../../audit/events/token.ts";
import { createUseUp } from "../../one-time/use-up.ts";
import { createVerifyOnce } from "../../one-time/verify-once.ts";
import { createVerifyToken, type VerifyToken, withRejections } from "../../token/verify/verify-token.ts";
import { createExpressionErrorReporter } from "../expression-errors.ts";
import { traceRejection } from "../traces/traced.ts";
import type { ServiceParts } from "./parts.ts";
import { createKeysOf, type Sources } from "./sources.ts";

/** What issuing and verifying have in common. */
export function commonParts({ live, metrics, log, now }: ServiceParts, sources: Sources) {
  return {
    profiles: live.profiles,
    keysOf: createKeysOf(sources),
    now,
    onExpressionError: createExpressionErrorReporter(metrics, log, now),
  };
}

export type Verify = ReturnType<typeof createVerify>;

/**
 * Verifying for callers, who may use a token up; for gateways, which use it up themselves; and of the credentials by
 * which callers prove themselves.
 */
export function createVerify(parts: ServiceParts, sources: Sources) {
  const { config, state, counter, metrics, cache, now, tracing } = parts;
  const verify = createVerifyToken({ ...commonParts(parts, sources), revocations: sources.revocations, cache });
  const { requireRightClock } = state.fitness;
  const useUp = createUseUp({ live: state.live, now, skewMs: config.clockSkewMs, requireRightClock });
  const onRejected = (profile: string, reason: string, sample: () => RejectedToken) => {
    counter.count({ type: "token.rejected", profile, reason, sample });
    metrics.rejected(profile, reason);
  };
  const session = withRejections<Party>(verify, onRejected);
  const credential: VerifyToken = (request) => session(request, NOBODY);
  return {
    token: withRejections(createVerifyOnce(verify, useUp), (profile, reason, sample) => {
      traceRejection(tracing, reason);
      onRejected(profile, reason, sample);
    }),
    session,
    credential,
    useUp,
  };
}
