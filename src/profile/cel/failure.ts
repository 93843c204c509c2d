import { type ExpressionFailure, MEMBER_ABSENT } from "../model/rules.ts";
import { CostError } from "./cost.ts";

/**
 * What the library says when an evaluation fails, as far as it may be logged: names of functions and types. The texts
 * about members and conversions may hold values of a request or a token.
 */
const CAUSES: readonly (readonly [said: RegExp, cause: (matched: string) => string])[] = [
  [/^found no matching overload for '?[^']{1,64}'? applied to '[\w\s.(),<>]{1,200}'$/, (said) => said],
  [/^type mismatch: (?:iterable vs|expected bool, got) [\w\s.(),<>]{1,200}$/, (said) => said],
  [/^unsupported key type$/, (said) => said],
  [/^(?:u?int overflow during [a-z ]{1,64}|u?int (?:divide|modulus) by zero)$/, (said) => said],
  [/^JSON has no such value$|^the name of a member|^the number must|^the value nests/, (said) => said],
  [/^(?:field not found|index \S+ out of bounds|unresolved attribute)/, () => MEMBER_ABSENT],
];

/** Why a program returned an Error. */
export function failureOf(error: Error): ExpressionFailure {
  if (error instanceof CostError) return { reason: "too_costly", cause: error.message };
  const known = CAUSES.find(([said]) => said.test(error.message));
  return { reason: "failed", cause: known?.[1](error.message) ?? "a value can't be converted" };
}
