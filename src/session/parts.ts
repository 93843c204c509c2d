import type { AuditLog } from "../audit/event.ts";
import type { EventCounter } from "../audit/event-counter.ts";
import type { SessionCloseReason } from "../audit/events/session.ts";
import type { TokenKeys } from "../keys/token-keys.ts";
import type { Profile } from "../profile/model/profile.ts";
import type { Revocations } from "../revoke/revocations.ts";
import type { KeyValue } from "../state/keyvalue.ts";
import type { Rejection } from "../token/rejection.ts";
import type { VerifyAnswer, VerifyForCaller } from "../token/verify/verify-token.ts";
import type { KeyedHash } from "./ids.ts";
import type { Sealer } from "./resume.ts";
import type { OpenVerification } from "./service.ts";

/** The store of sessions, which may lose its content. */
export interface SessionStore {
  readonly store: KeyValue;
  /** Whether it lost its content less than `ms` ago, or this is unknown. */
  isSettling(ms: number): boolean;
  /** Undefined while it is unknown whether it lost its content, as for a moment after each outage. */
  generation(): object | undefined;
}

/**
 * Uses up the token of a valid verification for one session, if the request or the profile says so: undefined when that
 * was done, also for this session before, and when there is nothing to do. Rejects with a Problem while it is unknown.
 */
type ConsumeForSession = (
  verification: OpenVerification,
  answer: VerifyAnswer,
  sessionId: string,
) => Promise<Rejection | undefined>;

export interface SessionParts {
  readonly live: SessionStore;
  readonly verify: VerifyForCaller;
  readonly consume: ConsumeForSession;
  readonly profiles: () => ReadonlyMap<string, Profile>;
  /** The keys of the profile and tenant. */
  readonly keysOf: (profile: Profile, tenant: string) => TokenKeys;
  readonly revocations: Pick<Revocations, "watch">;
  /** The keyed hash that names subjects in events and in revocations. */
  readonly hashSubject: (subject: string) => string;
  /** Makes the hashes by which gateways, connections and counters are stored. */
  readonly hash: KeyedHash;
  readonly sealer: Sealer;
  /** 16 random hexadecimal digits. */
  readonly newLeaseId: () => string;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a clock that is never set. */
  readonly monotonic: () => number;
  readonly audit: AuditLog;
  readonly counter: EventCounter;
  /** Called for every session that this replica opens. */
  readonly onOpened: (profile: string) => void;
  /** Called for every session whose slot this replica frees. */
  readonly onClosed: (profile: string, reason: SessionCloseReason) => void;
  /** Called when a valid token opened no session. */
  readonly onRefused: (profile: string, reason: string) => void;
  /** Called for what fails in the background, and is tried again. */
  readonly onProblem: (error: unknown) => void;
}
