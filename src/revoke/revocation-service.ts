import type { AuditLog } from "../audit/event.ts";
import type { Caller } from "../caller.ts";
import { revokedButNotAudited } from "../problem/audit-problem.ts";
import { Problem, unknownProfile } from "../problem/problem.ts";
import { subjectInEvent } from "../profile/model/audit.ts";
import type { Profile } from "../profile/model/profile.ts";
import { StateError } from "../state/keyvalue.ts";
import { checkRevokeRequest, type RevokeRequest, revokedUntil } from "./request.ts";
import type { Revocation } from "./revocation.ts";
import type { Revocations } from "./revocations.ts";
import type { SubjectHasher } from "./revoked-set.ts";

export interface RevokeTokensParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  readonly revocations: Pick<Revocations, "revoke">;
  /** The hasher that also names subjects in the audit log. */
  readonly hasher: SubjectHasher;
  /**
   * Throws the Problem CLOCK_DIFFERS: with a wrong clock a revocation would end before its tokens, or match later ones.
   */
  readonly requireRightClock: () => void;
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** When tokens were revoked, and when the last of them expires. Unix milliseconds. */
interface Revoked {
  readonly at: number;
  readonly until: number;
}

/** Revokes tokens for `caller`. Rejects with a {@link Problem}; retrying is safe. */
export type RevokeTokens = (request: RevokeRequest, caller: Caller) => Promise<Revoked>;

export function createRevokeTokens(parts: RevokeTokensParts): RevokeTokens {
  const { profiles, revocations, hasher, requireRightClock, audit, now } = parts;
  return async (request, caller) => {
    const profile = profiles().get(request.profile);
    if (profile === undefined) throw unknownProfile(request.profile);
    requireRightClock();
    const at = now();
    checkRevokeRequest(request, profile, at);
    const times = { at, until: revokedUntil(request, profile, at) };
    const targets = targetsOf(request, profile, at, hasher);
    // Stored before it is audited: revoking a stolen token must not wait for an audit log that is full or broken.
    await store(revocationsOf(request, times, targets, hasher), revocations);
    await record(request, times, targets, caller, audit);
    return times;
  };
}

/** The tokens that a request names: either by their ids, or by a subject and a time. */
interface Targets {
  readonly tokenIds: readonly string[];
  /** Empty when tokens are named by their ids. */
  readonly subjectHash: string;
  /** Empty unless the profile shows it. */
  readonly subject: string;
  /** Unix seconds; undefined when tokens are named by their ids. */
  readonly issuedBefore: number | undefined;
}

function targetsOf(
  { tokenIds, subject, issuedBefore }: RevokeRequest,
  profile: Profile,
  at: number,
  hasher: SubjectHasher,
): Targets {
  const named = subjectInEvent(subject, profile, hasher.hash);
  if (subject === "") return { tokenIds: [...new Set(tokenIds)], ...named, issuedBefore: undefined };
  // Tokens are issued in whole seconds: one issued in this very second may be older than the call.
  const seconds = Math.floor((issuedBefore?.getTime() ?? at) / 1000);
  return { tokenIds: [], ...named, issuedBefore: seconds };
}

function revocationsOf(
  { profile, tenant }: RevokeRequest,
  times: Revoked,
  { tokenIds, subjectHash, issuedBefore }: Targets,
  { keyId }: SubjectHasher,
): Revocation[] {
  const common = { profile, tenant, ...times };
  if (issuedBefore === undefined) return tokenIds.map((tokenId) => ({ kind: "token", ...common, tokenId }));
  return [{ kind: "subject", ...common, subjectHash, hashedUnder: keyId, issuedBefore }];
}

async function store(all: readonly Revocation[], revocations: RevokeTokensParts["revocations"]): Promise<void> {
  try {
    await revocations.revoke(all);
  } catch (cause) {
    if (!(cause instanceof StateError)) throw cause;
    const message = "the store is unreachable: it is unknown whether the tokens are revoked; retrying is safe";
    throw new Problem("REVOCATIONS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
  }
}

async function record(
  { profile, tenant, reason }: RevokeRequest,
  { at, until }: Revoked,
  { tokenIds, subjectHash, subject, issuedBefore }: Targets,
  caller: Caller,
  audit: AuditLog,
): Promise<void> {
  const issuedBeforeMs = issuedBefore === undefined ? undefined : issuedBefore * 1000;
  const tokens = { profile, tenant, tokenIds, subjectHash, subject, issuedBefore: issuedBeforeMs, until };
  await audit.append({ type: "token.revoked", ...tokens, caller, reason }, at).catch((cause) => {
    throw revokedButNotAudited(cause, "the tokens are revoked");
  });
}

/**
 * Yields the revocations under a profile, or under every profile when the name is empty: first the known ones, then
 * "current", then each new one, until the signal aborts. Throws the Problems PROFILE_NOT_FOUND and SLOW_READER.
 */
export type WatchRevocations = (profile: string, signal: AbortSignal) => AsyncIterable<Revocation | "current">;

export function createWatchRevocations(
  profiles: () => ReadonlyMap<string, Profile>,
  revocations: Pick<Revocations, "watch">,
): WatchRevocations {
  return async function* watch(profile, signal) {
    if (profile !== "" && !profiles().has(profile)) throw unknownProfile(profile);
    for await (const change of revocations.watch(signal))
      if (change === "current" || profile === "" || change.profile === profile) yield change;
  };
}
