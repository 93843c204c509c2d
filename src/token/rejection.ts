import type { RejectionReason } from "../profile/model/rules.ts";

/**
 * Why a token is not valid: the first check that failed. The profile's `surfaces` decide which status,
 * headers, close code or frame the client is shown for it.
 */
export interface Rejection {
  readonly reason: RejectionReason;
  /** One human-readable sentence, which may reach the client. It never repeats the value of a claim. */
  readonly message: string;
  /** A hint for operators that must not reach the client. No secret, token or value of a claim either. */
  readonly diagnosis?: string;
}

/** The outcome of one step: its result, or why the token is rejected. */
export type Step<T> = { readonly ok: T; readonly rejection?: never } | { readonly rejection: Rejection };

export function reject(
  reason: RejectionReason,
  message: string,
  diagnosis?: string,
): { readonly rejection: Rejection } {
  return { rejection: diagnosis === undefined ? { reason, message } : { reason, message, diagnosis } };
}
