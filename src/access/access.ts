import type { Caller } from "../caller.ts";
import { Problem, unknownProfile } from "../problem/problem.ts";
import type { LiveRuleSet } from "./live-rule-set.ts";
import type { Decision, OnConditionError } from "./policy.ts";
import type { Access, Question } from "./question.ts";
import type { RuleSet } from "./rule-set.ts";

/** What is reported of decisions. None of these may throw. */
export interface AccessObserver {
  readonly onConditionError: OnConditionError;
  /** Called for each call that is denied, before its error is thrown. */
  onDenied(caller: Caller, question: Question, problem: Problem): void;
  /** Called where the shadow policy decides differently. `group` is that of the rule that allows the call. */
  onDiffers(difference: "would_deny" | "would_allow", group: string, caller: Caller, question: Question): void;
}

/**
 * Decides by the policy that is in force when a call comes. The shadow policy decides beside it, and changes nothing.
 * `count` counts a call that is allowed, under its profile if there is one of this name, and throws the {@link Problem}
 * of a limit that is reached.
 */
export function createAccess(
  live: LiveRuleSet,
  count: (caller: Caller, profile: string) => void,
  observer: AccessObserver,
): Access {
  const { onConditionError } = observer;

  function compare(decision: Decision, { shadow }: RuleSet, caller: Caller, question: Question): void {
    const other = shadow?.decide(caller, question);
    if (other === undefined || decision.allowed === other.allowed) return;
    if (decision.allowed) observer.onDiffers("would_deny", decision.rule.group, caller, question);
    if (other.allowed) observer.onDiffers("would_allow", other.rule.group, caller, question);
  }

  function reportingDenial(caller: Caller, question: Question, admit: () => void): void {
    try {
      admit();
    } catch (problem) {
      observer.onDenied(caller, question, problem as Problem);
      throw problem;
    }
  }

  return {
    admit(caller, question) {
      const rules = live.current();
      const decision = rules.policy.decide(caller, question, onConditionError);
      compare(decision, rules, caller, question);
      reportingDenial(caller, question, () => {
        if (!decision.allowed) throw problemOf(decision, question);
        const { profile = "" } = question;
        count(caller, rules.profiles.has(profile) ? profile : "");
      });
    },
    admitMalformed(caller, method) {
      const question = { method };
      const decision = live.current().policy.decide(caller, question);
      reportingDenial(caller, question, () => {
        // Another refusal depends on what the request asks for, which is unknown.
        if (!decision.allowed && decision.because === "method") throw problemOf(decision, question);
        count(caller, "");
      });
    },
    allows: (caller, question) => live.current().policy.decide(caller, question, onConditionError).allowed,
    onChange: live.onChange,
  };
}

function problemOf({ because }: Extract<Decision, { allowed: false }>, { method, profile = "" }: Question): Problem {
  if (because === "profile") return unknownProfile(profile);
  const what = because === "method" ? method : `this ${method}`;
  return new Problem("PERMISSION_DENIED", `the policy does not allow ${what} to this caller`);
}
