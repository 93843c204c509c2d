import { Problem } from "../token/problem.ts";
import { KeyringError } from "./error.ts";
import { isOutOfReach, outOfReach } from "./out-of-reach.ts";

/** What a call gets whose keyset could not be changed: whether it was may not be known. Throws what is no {@link KeyringError}. */
export function ringUnavailable(cause: unknown, keyset: string): Problem {
  if (!(cause instanceof KeyringError)) throw cause;
  if (isOutOfReach(cause)) return outOfReach("the keys were changed", cause);
  const message = `the keys of keyset ${keyset} can't be read or written: look at them before trying again`;
  return new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}
