import { Problem } from "../problem/problem.ts";
import { isUnreachable, KeyringError } from "./error.ts";

/** For calls while the store is unreachable. `outcome` is what can't be known then. */
export function storeUnreachable(outcome: string, cause?: unknown): Problem {
  const message = `the store is unreachable or takes no writes: whether ${outcome} is not known; retrying is safe`;
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}

/** For calls whose keyset could not be read or changed. Throws `cause` when it is no {@link KeyringError}. */
export function keysetUnavailable(cause: unknown, keyset: string): Problem {
  if (!(cause instanceof KeyringError)) throw cause;
  if (isUnreachable(cause)) return storeUnreachable("the keys were changed", cause);
  const message = `the keys of keyset ${keyset} can't be read or written: list them before trying again`;
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}

/** For calls while the newest secrets of their profile and tenant can't be read: earlier ones may have been revoked. */
export function secretsUnavailable(cause: unknown): Problem {
  if (isUnreachable(cause)) return storeUnreachable("the imported secrets were changed", cause);
  const message =
    "the imported secrets of the profile (and tenant) can't be used as they are stored: Signet mends within seconds " +
    "what it can; for the rest, secrets.unreadable in its log says what an operator must do";
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 10_000 });
}
