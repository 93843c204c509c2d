import type { RejectionReason } from "../profile/model/rules.ts";

/** Why a token is not valid: the first check that failed. */
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
