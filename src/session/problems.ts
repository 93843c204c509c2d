import { Problem } from "../problem/problem.ts";
import { StateError } from "../state/keyvalue.ts";

/** Rethrows what is no outage of the store. */
export function sessionsUnreachable(cause: unknown): Problem {
  if (!(cause instanceof StateError)) throw cause;
  return new Problem("SESSIONS_UNAVAILABLE", "the store of sessions can't be used now: retrying is safe", {
    cause,
    retryAfterMs: 1_000,
  });
}

/** Many replicas change one entry at once, and others were faster each time. */
export function sessionsContended(): Problem {
  const message = "too many calls change the same sessions at once: retrying is safe";
  return new Problem("SESSIONS_UNAVAILABLE", message, { retryAfterMs: 250 });
}

/** After an outage it is read again whether the store forgot anything: that takes a moment. */
export function sessionsUnknown(): Problem {
  const message = "it is not known yet whether the store of sessions still has its content: retrying is safe";
  return new Problem("SESSIONS_UNAVAILABLE", message, { retryAfterMs: 1_000 });
}

/** Gateways report what they hold before slots are given away again. */
export function sessionsSettling(): Problem {
  const message =
    "the store of sessions has lost its content: no slot is free until gateways have renewed their leases";
  return new Problem("SESSIONS_UNAVAILABLE", message, { retryAfterMs: 5_000 });
}
