import { CodedError } from "../coded-error.ts";
import { isUnavailable, StateError } from "../state/keyvalue.ts";

/**
 * UNREADABLE: the store failed. WRONG_KEK: written under a key-encryption key that was not given. BROKEN_RECORD: an
 * epoch record that is damaged, forged or in the wrong place. DAMAGED_KEY, SWAPPED_KEY: a sealed private key or secret
 * that is damaged, or that belongs to another key. KEY_MISMATCH: a private key that does not match its published public
 * key. BAD_POLICY: times that would let a verifier meet a key that it does not know. WAITING: the keyset has no keys
 * and this replica may not make the first ones, or it must revoke a key again and may not yet.
 */
export type KeyringErrorCode =
  | "UNREADABLE"
  | "WRONG_KEK"
  | "BROKEN_RECORD"
  | "DAMAGED_KEY"
  | "SWAPPED_KEY"
  | "KEY_MISMATCH"
  | "BAD_POLICY"
  | "WAITING";

export class KeyringError extends CodedError<KeyringErrorCode> {}

/** Whether opening the keys, or the store below them, may succeed later without an operator. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof KeyringError) return error.code === "UNREADABLE" || error.code === "WAITING";
  return isUnavailable(error) || isLost(error);
}

/** Whether the keys can't be read or written only because their store is unreachable or was replaced. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof KeyringError) || error.code !== "UNREADABLE") return false;
  return isUnavailable(error.cause) || isLost(error.cause);
}

function isLost(error: unknown): boolean {
  return error instanceof StateError && error.code === "LOST";
}
