import type { RuleExplanation } from "./policy.ts";

/** Why a caller without rules is denied. */
export const UNKNOWN_CALLER = "no group has this caller";

/** What a rule does with a call, in words that name its keys: the operator changes these. */
export function denialText({ rule, denials }: RuleExplanation): string {
  if (denials.length === 0) return `${rule.place} allows it`;
  const keys = denials.map(({ key, cause }) => (cause === undefined ? key : `${key} (${cause})`));
  return `${rule.place} denies it by ${keys.join(", ")}`;
}
