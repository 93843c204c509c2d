import { StateError } from "../state/keyvalue.ts";
import { Problem } from "../token/problem.ts";
import { KeyringError } from "./error.ts";

/** Whether keys can't be read or written only because their store does not answer, or was lost and is made anew. */
export function isOutOfReach(error: unknown): boolean {
  const cause = error instanceof KeyringError && error.code === "UNREADABLE" ? error.cause : undefined;
  return cause instanceof StateError && (cause.code === "UNAVAILABLE" || cause.code === "LOST");
}

/** What a call gets then. `whether` is what nobody knows. */
export function outOfReach(whether: string, cause?: unknown): Problem {
  const message = `the store is out of reach: whether ${whether} is not known; to try again is safe`;
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}
