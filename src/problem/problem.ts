import { REQUIRED } from "./field-rules.ts";

/** A bad field of a request: which one, and what is allowed. It never repeats the value. */
export interface FieldViolation {
  /** Path in the request message, e.g. `claims.scope`. */
  readonly field: string;
  readonly description: string;
}

/**
 * Why a call failed. The codes are part of the contract: a client reads them as the `reason` of a
 * `google.rpc.ErrorInfo`.
 */
export type ProblemCode =
  /** Nothing proves who calls, the proof is bad, or there are two. */
  | "UNAUTHENTICATED"
  /** The policy does not allow the caller this method, or not for what the request names. */
  | "PERMISSION_DENIED"
  /** The bytes are not the protobuf message that the method takes. */
  | "UNDECODABLE"
  /** Fields are wrong. Each is named. */
  | "INVALID_REQUEST"
  /**
   * There is no such profile, or the caller may not use it. Both look alike, so that a caller can't list profiles by
   * trying.
   */
  | "PROFILE_NOT_FOUND"
  | "KEYSET_NOT_FOUND"
  /** No key, or no secret of the profile and tenant, has this `key_id`. */
  | "KEY_NOT_FOUND"
  /** A verifier may not know the next key yet. The metadata has the earliest safe time as `earliest_at`. */
  | "TOO_EARLY"
  /** No key of the keyset may sign now. */
  | "NO_SIGNING_KEY"
  /** The key that a token names is unknown here, and the store that may have it can't be read. */
  | "KEYS_UNAVAILABLE"
  /** The token would outlive the key that signs it. */
  | "TTL_BEYOND_KEY"
  /** This replica has had no contact with the shared state for longer than `state.max_offline`. It issues nothing. */
  | "OFFLINE_TOO_LONG"
  /** With a setting that an operator must change, NATS forgets what it stored: keys, revocations or audit events. */
  | "STORE_FORGETS"
  /** This machine's clock differs from the shared state's by more than `rotation.clock_skew`. */
  | "CLOCK_DIFFERS"
  /** The profile (and tenant) signs with an imported secret, and none has been imported. */
  | "KEY_NOT_IMPORTED"
  /** The profile (and tenant) has, or had, a secret of this `key_id`. */
  | "KEY_EXISTS"
  /** The secret is too short, a placeholder or easy to guess. */
  | "WEAK_KEY"
  /** The profile (and tenant) has its maximum number of secrets that verify. Each one makes verifying slower. */
  | "TOO_MANY_KEYS"
  /** The `request_id` was used within the last two minutes for a different request. */
  | "REQUEST_ID_REUSED"
  /** The store of revocations is unreachable. Whether it stored this one is unknown; retrying is safe. */
  | "REVOCATIONS_UNAVAILABLE"
  /**
   * The store of sessions is unreachable, or it is in doubt whether a slot is free: it lost its content a moment ago,
   * or too many calls change one counter at once.
   */
  | "SESSIONS_UNAVAILABLE"
  /** The profile has no sessions. */
  | "NO_SESSIONS"
  /** The connection of the gateway is open under another token. */
  | "CONNECTION_OPEN"
  /** Whether the token was used is unknown, because the store of uses can't be relied on. Retrying is safe. */
  | "USES_UNAVAILABLE"
  /** A client read its watch too slowly, and the watch was ended. */
  | "SLOW_READER"
  /** The server has its maximum number of watches open. */
  | "TOO_MANY_STREAMS"
  /** The server has its maximum number of calls open, and this caller's connection has its share of them. */
  | "TOO_MANY_CALLS"
  /**
   * A limit of this caller, of the token's client or of its subject is reached. The metadata names it as `limit`. The
   * retry delay is the time after which it allows the call.
   */
  | "RATE_LIMITED"
  /** The server is stopping and has ended its watches. */
  | "STOPPING"
  /** The audit log has reached its limit. */
  | "AUDIT_FULL"
  /** The audit event could not be made durable. */
  | "AUDIT_UNAVAILABLE"
  /** NATS does not acknowledge the audit event that a strict profile waits for. No token was returned. */
  | "AUDIT_NOT_FORWARDED"
  /** The state in which audit keys are registered can't be read or written, or this replica's key is not in it yet. */
  | "AUDIT_KEYS_UNAVAILABLE"
  /** No writer of this name is registered. */
  | "WRITER_NOT_FOUND"
  /** The writer runs, or has ended in order: it is not lost. */
  | "WRITER_NOT_LOST";

/** The error of a call, with a human-readable message that reaches the caller. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly violations: readonly FieldViolation[];
  /** After how many milliseconds a retry may succeed. Undefined: the same call fails again. */
  readonly retryAfterMs: number | undefined;
  /** Machine-readable details. The code decides which keys there are. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    message: string,
    details: {
      violations?: readonly FieldViolation[];
      retryAfterMs?: number;
      metadata?: Readonly<Record<string, string>>;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = "Problem";
    this.code = code;
    this.violations = details.violations ?? [];
    this.retryAfterMs = details.retryAfterMs;
    this.metadata = details.metadata ?? {};
  }
}

/** One problem for all bad fields of a request. Its message names the first three. */
export function invalidRequest(violations: readonly FieldViolation[]): Problem {
  const fields = violations.map(({ field, description }) => `${field} ${description}`);
  return new Problem("INVALID_REQUEST", fields.slice(0, 3).join("; ") + (fields.length > 3 ? "; …" : ""), {
    violations,
  });
}

/** The same problem for a profile that does not exist and for one that the caller may not use. */
export function unknownProfile(name: string): Problem {
  if (name === "") return invalidRequest([{ field: "profile", description: REQUIRED }]);
  return new Problem("PROFILE_NOT_FOUND", "there is no such profile, or it is not allowed");
}
