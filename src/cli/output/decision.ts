import { denialText, UNKNOWN_CALLER } from "../../access/explanation.ts";
import type { Decision, Policy, RuleExplanation } from "../../access/policy.ts";
import { printable } from "./safe-text.ts";
import { table } from "./table.ts";

/** What a policy decides, and why. */
interface DecidedByOne {
  readonly policy: Policy;
  readonly decision: Decision;
  /** Every rule of the caller. */
  readonly rules: readonly RuleExplanation[];
}

/** What the policy decides, and the one beside it, if there is one. */
export interface Decided extends DecidedByOne {
  readonly shadow: DecidedByOne | undefined;
}

export function decidedText({ shadow, ...decided }: Decided): string {
  return textOf(decided, "") + (shadow === undefined ? "" : textOf(shadow, "shadow: "));
}

export function decidedJson({ shadow, ...decided }: Decided): object {
  return { ...jsonOf(decided), ...(shadow && { shadow: jsonOf(shadow) }) };
}

function textOf({ policy: { file }, decision, rules }: DecidedByOne, label: string): string {
  const verdict = decision.allowed ? "allowed" : `denied: the call gets ${answerTo(decision.because)}`;
  const lines = rules.map((explained) => [
    `  ${printable(denialText(explained))}`,
    printable(explained.rule.line === undefined ? file : `${file}:${explained.rule.line}`),
  ]);
  return `${label}${verdict}\n${rules.length === 0 ? `  ${UNKNOWN_CALLER}\n` : table(lines)}`;
}

function answerTo(because: "method" | "profile" | "request"): string {
  return because === "profile" ? "PROFILE_NOT_FOUND, as for one that does not exist" : "PERMISSION_DENIED";
}

function jsonOf({ policy: { file, digest }, decision, rules }: DecidedByOne): object {
  const { allowed } = decision;
  return {
    policy: { file, digest },
    allowed,
    ...(decision.allowed ? { rule: decision.rule.place } : { because: decision.because }),
    rules: rules.map(({ rule: { place, line }, denials }) => ({ place, line, denials })),
  };
}
