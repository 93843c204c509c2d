/** Why a token is not valid, in the order of the checks: `signet.v1.RejectionReason` without its prefix. */
export const REJECTION_REASONS = [
  "CARRIER_MISSING",
  "CARRIER_CONFLICT",
  "TOO_LARGE",
  "MALFORMED",
  "HEADER_INVALID",
  "UNKNOWN_KEY",
  "KEY_RETIRED",
  "KEY_REVOKED",
  "ALGORITHM_NOT_ALLOWED",
  "TYPE_MISMATCH",
  "BAD_SIGNATURE",
  "CLAIM_INVALID",
  "ISSUER_MISMATCH",
  "TENANT_MISMATCH",
  "EXP_MISSING",
  "LIFETIME_EXCEEDED",
  "NOT_YET_VALID",
  "EXPIRED",
  "TOO_OLD",
  "AUDIENCE_MISMATCH",
  "CLAIM_MISSING",
  "CLAIM_CONFLICT",
  "IP_MISMATCH",
  "NOT_PERMITTED",
  "CONTEXT_INVALID",
  "REVOKED",
  "TOO_MANY_SESSIONS",
  "ALREADY_USED",
  "SESSION_ENDED",
] as const;

export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** The reasons with which the rules of a profile may reject. */
export const RULE_REASONS = ["NOT_PERMITTED", "CONTEXT_INVALID"] as const satisfies readonly RejectionReason[];

type RuleReason = (typeof RULE_REASONS)[number];

/** Why an expression has no value. */
export interface ExpressionFailure {
  /**
   * failed: a missing member, a type error, or a value of the wrong type. too_costly: it would have cost more CPU than
   * one evaluation may take.
   */
  readonly reason: "failed" | "too_costly";
  /** For the operator's log. It names types and functions, never a value. */
  readonly cause: string;
}

/** The cause of an expression that names a member which is not there. Clients may leave out what they like. */
export const MEMBER_ABSENT = "a member or an item that it names is absent";

/** The variables of a rule's expression. */
interface RuleInput {
  /** The claims of the token, with aliases resolved. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;
}

/** A rule that a token and its context must satisfy. */
export interface Rule {
  /** In CEL, the Common Expression Language. */
  readonly expression: string;
  readonly reason: RuleReason;
  readonly message: string;
  /** Anything but true MUST deny. Never throws. */
  holds(input: RuleInput): boolean | ExpressionFailure;
}

/** A condition on the request that causes a warning at issue. */
export interface WarningRule {
  readonly expression: string;
  /** Upper case, e.g. `ALLOW_ALL`. */
  readonly code: string;
  readonly message: string;
  /** Only true warns. Never throws. */
  applies(request: Readonly<Record<string, unknown>>): boolean | ExpressionFailure;
}

/**
 * Called when an expression has no value, which is usually the operator's mistake. `name` is the name of the claim, the
 * code of the warning, the index of the rule in the file, or the place of the rule of a policy, which has no profile.
 */
export type OnExpressionError = (
  kind: "claim" | "warning" | "rule" | "condition",
  name: string,
  failure: ExpressionFailure,
) => void;

/** An {@link OnExpressionError} that serves every profile. */
export type OnProfileExpressionError = (profile: string, ...expression: Parameters<OnExpressionError>) => void;
