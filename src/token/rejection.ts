import type { RuleReason } from "../profile/model/rules.ts";

/**
 * Why a token is not valid: the first check that failed, in the order of the checks. The names are the contract's
 * (`signet.v1.RejectionReason` without its prefix).
 */
export type RejectionReason =
  | "CARRIER_MISSING"
  | "CARRIER_CONFLICT"
  | "TOO_LARGE"
  | "MALFORMED"
  | "HEADER_INVALID"
  | "UNKNOWN_KEY"
  | "KEY_RETIRED"
  | "KEY_REVOKED"
  | "ALGORITHM_NOT_ALLOWED"
  | "TYPE_MISMATCH"
  | "BAD_SIGNATURE"
  | "CLAIM_INVALID"
  | "ISSUER_MISMATCH"
  | "TENANT_MISMATCH"
  | "EXP_MISSING"
  | "LIFETIME_EXCEEDED"
  | "NOT_YET_VALID"
  | "EXPIRED"
  | "TOO_OLD"
  | "AUDIENCE_MISMATCH"
  | "CLAIM_MISSING"
  | "CLAIM_CONFLICT"
  | "IP_MISMATCH"
  | RuleReason
  | "REVOKED";

export interface Rejection {
  readonly reason: RejectionReason;
  /** One sentence for people, which may reach clients: it never repeats the value of a claim. */
  readonly message: string;
  /** What an operator should know beside it, and a client should not. No secret, token or value of a claim either. */
  readonly diagnosis?: string;
}

/** A step either answers what it made of its input, or why the token is rejected. */
export type Step<T> = { readonly ok: T; readonly rejection?: never } | { readonly rejection: Rejection };

export function reject(
  reason: RejectionReason,
  message: string,
  diagnosis?: string,
): { readonly rejection: Rejection } {
  return { rejection: diagnosis === undefined ? { reason, message } : { reason, message, diagnosis } };
}
