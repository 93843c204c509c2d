import { isOutOfReach, outOfReach } from "../keyring/out-of-reach.ts";
import { Problem } from "./problem.ts";

/** What calls get while the newest secrets of their profile and tenant can't be read: what they were before may be over. */
export function keysUnavailable(cause: unknown): Problem {
  if (isOutOfReach(cause)) return outOfReach("the imported secrets were changed", cause);
  const message = "the imported secrets of the profile (and tenant) can't be read or written";
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 10_000 });
}
