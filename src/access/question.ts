import type { Caller } from "../caller.ts";

/** What a request may be limited in. `ttl` is the lifetime of the token that is asked for. */
export type Dimension = "profile" | "tenant" | "audience" | "subject" | "ttl";

/**
 * The methods that a policy decides on, each with the dimensions that its requests may have. An item of a batch is
 * decided as a call of the single method. ReadAudit has no RPC yet.
 */
const METHOD_DIMENSIONS = {
  IssueToken: ["profile", "tenant", "audience", "subject", "ttl"],
  VerifyToken: ["profile", "tenant", "audience"],
  RevokeTokens: ["profile", "tenant", "subject"],
  WatchRevocations: ["profile"],
  GetJwks: [],
  ListKeys: [],
  ImportKey: ["profile", "tenant"],
  PlanRotation: [],
  RotateKeys: [],
  RevokeKey: ["profile", "tenant"],
  WatchKeys: [],
  ListProfiles: [],
  GetProfile: ["profile"],
  OpenSession: ["profile", "tenant", "audience"],
  RenewSessions: [],
  CloseSessions: [],
  WatchSessions: [],
  ListSessions: ["profile", "tenant"],
  HashSubject: ["subject"],
  ListAuditKeys: [],
  Checkpoint: [],
  RotateAuditKey: [],
  RetireWriter: [],
  ReadAudit: [],
} as const satisfies Readonly<Record<string, readonly Dimension[]>>;

/** A method of the contract, as a policy names it. */
export type Method = keyof typeof METHOD_DIMENSIONS;

export const METHODS = Object.keys(METHOD_DIMENSIONS) as Method[];

/** The methods that change what the service holds or trusts: a call of them that fails has an event, too. */
export const ADMINISTRATIVE = [
  "RevokeTokens",
  "ImportKey",
  "RotateKeys",
  "RevokeKey",
  "RotateAuditKey",
  "RetireWriter",
] as const satisfies readonly Method[];

export type AdministrativeMethod = (typeof ADMINISTRATIVE)[number];

/** Whether the requests of a method may have a dimension. */
export function hasDimension(method: Method, dimension: Dimension): boolean {
  return (METHOD_DIMENSIONS[method] as readonly Dimension[]).includes(dimension);
}

/**
 * What a request may need beyond its method: `verify_at` judges a token as of another time, `diagnosis` explains to an
 * operator why a token was rejected.
 */
export const PERMISSIONS = ["verify_at", "diagnosis"] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** A session is opened now, so that no other time can be asked for. */
const PERMISSIONS_OF: Readonly<Partial<Record<Method, readonly Permission[]>>> = {
  VerifyToken: PERMISSIONS,
  OpenSession: ["diagnosis"],
};

/** Whether the requests of a method may need a permission. */
export function mayNeed(method: Method, permission: Permission): boolean {
  return PERMISSIONS_OF[method]?.includes(permission) ?? false;
}

/**
 * What a call asks for. A dimension that the request does not have is undefined: only a rule that is free in it allows
 * such a call.
 */
export interface Question {
  readonly method: Method;
  readonly profile?: string | undefined;
  readonly tenant?: string | undefined;
  /** Every value must be allowed. Never empty. */
  readonly audience?: readonly string[] | undefined;
  /** The `subject` of the request, and not one that the profile takes from the request object. */
  readonly subject?: string | undefined;
  /** The lifetime that is asked for, in seconds; undefined for the default of the profile. */
  readonly ttlSeconds?: number | undefined;
  /**
   * The request object of IssueToken, empty where there is none. Without it a rule with a longest ttl denies what a
   * profile with `lifetime.from` may hold in it.
   */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  /** Default: none. */
  readonly needs?: readonly Permission[] | undefined;
}

/** Decides on calls. Whom it does not allow anything gets nothing. */
export interface Access {
  /**
   * Throws the {@link Problem} PERMISSION_DENIED, or PROFILE_NOT_FOUND where the caller may not know the profile, or
   * RATE_LIMITED where it has called too often.
   */
  admit(caller: Caller, question: Question): void;
  /**
   * Decides on a request that asks nothing, because it can't be read. Throws PERMISSION_DENIED where the caller may not
   * call the method at all, and RATE_LIMITED: it counts as a call without a profile.
   */
  admitMalformed(caller: Caller, method: Method): void;
  /** Whether {@link admit} would let it pass. The answer is neither counted nor recorded. */
  allows(caller: Caller, question: Question): boolean;
  /** Calls the listener after each change of the rules. Returns the function that removes it. */
  onChange(listener: () => void): () => void;
}
