/**
 * Why a token is not valid: the first check that failed, in the order of the checks. The names are the contract's
 * (`signet.v1.RejectionReason` without its prefix).
 */
export type RejectionReason =
  | "TOO_LARGE"
  | "MALFORMED"
  | "HEADER_INVALID"
  | "UNKNOWN_KEY"
  | "KEY_RETIRED"
  | "ALGORITHM_NOT_ALLOWED"
  | "TYPE_MISMATCH"
  | "BAD_SIGNATURE"
  | "CLAIM_INVALID"
  | "ISSUER_MISMATCH"
  | "EXP_MISSING"
  | "LIFETIME_EXCEEDED"
  | "NOT_YET_VALID"
  | "EXPIRED"
  | "AUDIENCE_MISMATCH"
  | "CLAIM_MISSING";

/** A reason and one sentence for people, which may reach clients: it never repeats the value of a claim. */
export interface Rejection {
  readonly reason: RejectionReason;
  readonly message: string;
}

/** A step either answers what it made of its input, or why the token is rejected. */
export type Step<T> = { readonly ok: T; readonly rejection?: never } | { readonly rejection: Rejection };

export function reject(reason: RejectionReason, message: string): { readonly rejection: Rejection } {
  return { rejection: { reason, message } };
}
