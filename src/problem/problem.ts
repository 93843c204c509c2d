/** A field of a request that is wrong: which one, and what is allowed. It never repeats the value. */
export interface FieldViolation {
  /** Path in the request message, e.g. `claims.scope`. */
  readonly field: string;
  readonly description: string;
}

/**
 * Why a call could not be served. The codes are part of the contract: they leave as the `reason` of a
 * `google.rpc.ErrorInfo`.
 */
export type ProblemCode =
  /** The message is not the protobuf that the method takes. */
  | "UNDECODABLE"
  /** Fields are wrong; each is named. */
  | "INVALID_REQUEST"
  /** There is no such profile, or the caller may not use it: alike, so that nobody can find out which exist. */
  | "PROFILE_NOT_FOUND"
  | "KEYSET_NOT_FOUND"
  /** No key, or no secret of the profile and tenant, has the `key_id`. */
  | "KEY_NOT_FOUND"
  /** Some verifier may not know the next key yet. The metadata has the earliest safe time as `earliest_at`. */
  | "TOO_EARLY"
  /** No key may sign now. */
  | "NO_SIGNING_KEY"
  /** The key that a token names is not known, and the store that may know it can't be read. */
  | "KEYS_UNAVAILABLE"
  /** The token would outlive the key that signs it. */
  | "TTL_BEYOND_KEY"
  /** The state that replicas share was last heard of so long ago that nothing is issued (`state.max_offline`). */
  | "OFFLINE_TOO_LONG"
  /** The clock of this machine differs from that of the shared state by more than `rotation.clock_skew`. */
  | "CLOCK_DIFFERS"
  /** The profile (and tenant) signs with an imported secret, and none was imported. */
  | "KEY_NOT_IMPORTED"
  /** A secret of that `key_id` is, or was, there. */
  | "KEY_EXISTS"
  /** The secret is short, a placeholder or can be guessed. */
  | "WEAK_KEY"
  /** So many secrets of the profile (and tenant) verify already that one more would make verifying slow. */
  | "TOO_MANY_KEYS"
  /** The `request_id` was used a moment ago with other content. */
  | "REQUEST_ID_REUSED"
  /** The store of what was taken back is out of reach: whether it took the revocation is not known. */
  | "REVOCATIONS_UNAVAILABLE"
  /** A watch had so many changes waiting that it was cut. */
  | "SLOW_READER"
  /** So many watches are open that there is no room for one more. */
  | "TOO_MANY_STREAMS"
  /** The server ends its watches because it stops. */
  | "STOPPING"
  /** The audit log has reached its limit. */
  | "AUDIT_FULL"
  /** The audit event can't be made durable. */
  | "AUDIT_UNAVAILABLE";

/** The one error of the domain. Its message is for people and reaches the caller. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly violations: readonly FieldViolation[];
  /** When a retry may succeed, in milliseconds; undefined when a retry alone never does. */
  readonly retryAfterMs: number | undefined;
  /** For programs, of the same kind for the same code. */
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

/** All bad fields of a request in one problem. */
export function invalidRequest(violations: readonly FieldViolation[]): Problem {
  const fields = violations.map(({ field, description }) => `${field} ${description}`);
  return new Problem("INVALID_REQUEST", fields.slice(0, 3).join("; ") + (fields.length > 3 ? "; …" : ""), {
    violations,
  });
}

/** The same for a profile that does not exist and for one that the caller may not use. */
export function unknownProfile(name: string): Problem {
  if (name === "") return invalidRequest([{ field: "profile", description: "is required" }]);
  return new Problem("PROFILE_NOT_FOUND", "there is no such profile, or it is not allowed");
}
