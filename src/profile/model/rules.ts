/** What the expressions of a profile see: members of JSON objects. */
interface RuleInput {
  /** The claims of the token, aliases resolved. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;
}

/** A rule that a token and its context must satisfy. */
export interface Rule {
  /** In the Common Expression Language. */
  readonly expression: string;
  readonly reason: RuleReason;
  readonly message: string;
  /**
   * Undefined when the expression fails (a missing key, a type error) or is neither true nor false. Whatever is not exactly
   * true MUST deny. Never throws.
   */
  holds(input: RuleInput): boolean | undefined;
}

/** What of a request is worth a warning at issue. */
export interface WarningRule {
  readonly expression: string;
  /** Upper case, e.g. `ALLOW_ALL`. */
  readonly code: string;
  readonly message: string;
  /** Undefined when the expression fails for this request or is neither true nor false. Never throws. */
  applies(request: Readonly<Record<string, unknown>>): boolean | undefined;
}

/** The reasons that a profile's own rules may reject with. */
export type RuleReason = "NOT_PERMITTED" | "CONTEXT_INVALID";

/**
 * Told of an expression of a profile that fails or gives a value of the wrong type: an operator's mistake, in most cases.
 * `name` is the claim's, the warning's code, or the number of the rule in the file, from 0.
 */
export type ExpressionFailed = (kind: "claim" | "warning" | "rule", name: string) => void;

/** The same for every profile, by its name. */
export type ProfileExpressionFailed = (profile: string, ...expression: Parameters<ExpressionFailed>) => void;
