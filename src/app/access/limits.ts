import { createLimits, type Limits } from "../../access/limits/limits.ts";
import type { LiveRuleSet } from "../../access/live-rule-set.ts";
import type { AuditPipeline } from "../../audit/pipeline.ts";
import type { Config } from "../../config/config.ts";
import type { Metrics } from "../../http/metrics/metrics.ts";
import type { SharedState } from "../state/shared-state.ts";

interface LimitParts {
  readonly config: Config;
  readonly live: LiveRuleSet;
  readonly state: SharedState;
  readonly audit: AuditPipeline;
  readonly metrics: Metrics;
}

/** How old the numbers of replicas and of events in the spool may be. */
const SURVEY_MS = 1_000;

/** The limits of this replica, until the returned function ends the survey of what they depend on. */
export function startLimits({ config, live, state, audit, metrics }: LimitParts): [Limits, stop: () => void] {
  let replicas = 1;
  let spool = { events: 0, bytes: 0 };

  const survey = (): void => {
    replicas = Math.max(1, state.peers.live().length);
    // The last numbers count while the audit thread does not answer; it then refuses events itself.
    void audit.depth().then(
      (depth) => {
        spool = depth;
      },
      () => {},
    );
  };
  const surveying = setInterval(survey, SURVEY_MS).unref();
  const limits = createLimits({
    limitsOf: (caller) => live.current().policy.limitsOf(caller),
    liveReplicas: () => replicas,
    spool: () => ({ ...spool, limitBytes: config.spoolMaxBytes }),
    now: () => performance.now(),
    onLimited: metrics.rateLimited,
  });
  return [limits, () => clearInterval(surveying)];
}
