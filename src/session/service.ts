import type { Caller } from "../caller.ts";
import type { Profile } from "../profile/model/profile.ts";
import type { Rejection } from "../token/rejection.ts";
import type { VerifyRequest } from "../token/verify/request.ts";
import type { VerifyAnswer } from "../token/verify/verify-token.ts";

/**
 * The operations on sessions. Each throws or rejects with a Problem: INVALID_REQUEST with every bad field, and
 * SESSIONS_UNAVAILABLE while the store is unreachable. Times are Unix milliseconds.
 */
export interface SessionService {
  /**
   * Verifies a token and takes a slot, or says why not. Problems: those of verifying; NO_SESSIONS for a profile without
   * sessions; CONNECTION_OPEN for a connection that is open under another token; SESSIONS_UNAVAILABLE also while it is
   * in doubt whether a slot is free; AUDIT_FULL and AUDIT_UNAVAILABLE when the event could not be stored.
   */
  open(request: OpenRequest, caller: Caller): Promise<OpenAnswer>;
  /** Renews the lease of the caller's gateway, and settles which sessions it holds. */
  renew(request: RenewRequest, caller: Caller): Promise<RenewAnswer>;
  /** Gives slots back. Unknown sessions, and those of other gateways, are ignored. */
  close(request: CloseRequest, caller: Caller): Promise<void>;
  /** Lists the live sessions of those profiles and tenants that `mayList` allows. */
  list(request: ListRequest, mayList: (profile: string, tenant: string) => boolean): ListAnswer;
  /**
   * Yields every session of the caller's gateway that has ended and is not closed yet, then "current", then each
   * further one, until the signal aborts. Throws the Problem INVALID_REQUEST.
   */
  watch(gatewayId: string, caller: Caller, signal: AbortSignal): AsyncIterable<SessionEnd | "current">;
}

/** The contract's `OpenSessionRequest`, unchecked. An empty text is absent. */
export interface OpenRequest {
  readonly verification: OpenVerification | undefined;
  readonly gatewayId: string;
  readonly connectionId: string;
  /** The lease that the gateway holds. Empty: none. */
  readonly leaseId: string;
  readonly leaseMs: number | undefined;
}

/** What to verify, and whether to use the token up. */
export interface OpenVerification extends VerifyRequest {
  readonly consume: boolean;
  readonly requestId: string;
}

/** The verdict, and the session if it is valid. */
export interface OpenAnswer {
  /** Its verdict may be TOO_MANY_SESSIONS or ALREADY_USED. */
  readonly verification: VerifyAnswer;
  /** Undefined for an invalid token. */
  readonly opened: OpenedSession | undefined;
}

interface OpenedSession {
  readonly session: Session;
  readonly lease: SessionLease;
  /** How many sessions the counter holds, and may hold; both 0 where the profile limits none. */
  readonly openSessions: number;
  readonly maxSessions: number;
  /** What to show the client when the session reaches its deadline. */
  readonly atDeadline: Rejection;
}

/** A session as its gateway keeps it. */
export interface Session {
  /** 48 lower-case hexadecimal digits. */
  readonly sessionId: string;
  readonly connectionId: string;
  readonly openedAt: number;
  readonly deadline: number | undefined;
  readonly idleMaxMs: number | undefined;
  readonly resume: Uint8Array;
}

export interface SessionLease {
  readonly leaseId: string;
  readonly durationMs: number;
}

/** The contract's `RenewSessionsRequest`, unchecked. */
export interface RenewRequest {
  readonly gatewayId: string;
  /** Empty: the gateway holds no lease, and begins. */
  readonly leaseId: string;
  readonly leaseMs: number | undefined;
  readonly closedSessionIds: readonly string[];
  readonly sessionCount: number;
  readonly digest: Uint8Array;
  readonly page: SessionPage | undefined;
}

/** A part of the sessions that a gateway holds, in the order of their ids. */
export interface SessionPage {
  /** The last id of the page before; empty: this is the first. */
  readonly after: string;
  readonly last: boolean;
  readonly sessions: readonly HeldSession[];
  /** Of the answer before. */
  readonly renewalId: string;
}

/** A session as a gateway lists it. */
export interface HeldSession {
  readonly sessionId: string;
  readonly resume: Uint8Array;
}

interface RenewAnswer {
  readonly lease: SessionLease;
  /** At most 5 000. */
  readonly ended: readonly SessionEnd[];
  readonly listWanted: boolean;
  /** Names this renewal. */
  readonly renewalId: string;
}

/** A session that has ended: its gateway must close the connection. */
export interface SessionEnd {
  readonly sessionId: string;
  /** Undefined: it is unknown, or no longer loaded. */
  readonly profile: Profile | undefined;
  /** REVOKED, KEY_REVOKED or SESSION_ENDED. */
  readonly rejection: Rejection;
}

/** The contract's `CloseSessionsRequest`, unchecked. */
export interface CloseRequest {
  readonly gatewayId: string;
  readonly sessionIds: readonly string[];
}

/** The contract's `ListSessionsRequest`, unchecked. An empty text is absent. */
export interface ListRequest {
  readonly profile: string;
  readonly tenant: string;
  readonly gatewayId: string;
  readonly tokenId: string;
  /** 0: 100. */
  readonly pageSize: number;
  readonly pageToken: string;
}

interface ListAnswer {
  /** In the order of their ids. */
  readonly sessions: readonly ListedSession[];
  /** Empty: this was the last page. */
  readonly nextPageToken: string;
}

/** A live session as operators see it. */
export interface ListedSession {
  readonly sessionId: string;
  readonly caller: string;
  readonly gatewayId: string;
  readonly profile: string;
  readonly tenant: string;
  readonly keyId: string;
  readonly openedAt: number;
  readonly deadline: number | undefined;
}
