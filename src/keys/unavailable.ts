import { Problem } from "../problem/problem.ts";
import { StateError } from "../state/keyvalue.ts";
import { KeyringError } from "./error.ts";

/** Whether keys can't be read or written only because their store does not answer, or was lost and is made anew. */
export function isOutOfReach(error: unknown): boolean {
  const cause = error instanceof KeyringError && error.code === "UNREADABLE" ? error.cause : undefined;
  return cause instanceof StateError && (cause.code === "UNAVAILABLE" || cause.code === "LOST");
}

/** What a call gets then. `whether` is what nobody knows. */
export function storeUnreachable(whether: string, cause?: unknown): Problem {
  const message = `the store is out of reach: whether ${whether} is not known; to try again is safe`;
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}

/** What a call gets whose keyset could not be changed: whether it was may not be known. Throws what is no {@link KeyringError}. */
export function keysetUnavailable(cause: unknown, keyset: string): Problem {
  if (!(cause instanceof KeyringError)) throw cause;
  if (isOutOfReach(cause)) return storeUnreachable("the keys were changed", cause);
  const message = `the keys of keyset ${keyset} can't be read or written: look at them before trying again`;
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}

/** What calls get while the newest secrets of their profile and tenant can't be read: what they were before may be over. */
export function secretsUnavailable(cause: unknown): Problem {
  if (isOutOfReach(cause)) return storeUnreachable("the imported secrets were changed", cause);
  const message = "the imported secrets of the profile (and tenant) can't be read or written";
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 10_000 });
}
