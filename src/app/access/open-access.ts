import { createAccess } from "../../access/access.ts";
import type { Limits } from "../../access/limits/limits.ts";
import type { LiveRuleSet } from "../../access/live-rule-set.ts";
import type { Access, Question } from "../../access/question.ts";
import type { EventCounter } from "../../audit/event-counter.ts";
import type { Metrics } from "../../http/metrics/metrics.ts";
import { createExpressionErrorReporter } from "../expression-errors.ts";
import type { Log } from "../log.ts";

interface AccessParts {
  readonly live: LiveRuleSet;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly counter: EventCounter;
  readonly log: Log;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Decides by the live policy and its limits, and reports what an operator should know of its decisions. */
export function openAccess({ live, limits, metrics, counter, log, now }: AccessParts): Access {
  const report = createExpressionErrorReporter(metrics, log, now);
  // A caller chooses the profile: unknown ones would make any number of kinds of events.
  const factsOf = ({ method, profile = "" }: Question) => ({
    method,
    profile: live.profiles().has(profile) ? profile : "",
  });
  return createAccess(live, limits.call, {
    onConditionError: ({ place }, failure) => report("", "condition", place, failure),
    onDenied(caller, question, { code }) {
      counter.count({ type: "access.denied", ...factsOf(question), caller, reason: code });
      metrics.accessDenied(question.method, code);
    },
    onDiffers(difference, group, caller, question) {
      counter.count({ type: `access.${difference}`, ...factsOf(question), caller, group });
      metrics.shadowDiffers(difference, group, question.method);
    },
  });
}
