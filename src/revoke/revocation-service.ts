import type { AuditLog } from "../audit/event.ts";
import { revokedButNotAudited } from "../problem/audit-problem.ts";
import { Problem, unknownProfile } from "../problem/problem.ts";
import type { Profile } from "../profile/model/profile.ts";
import { StateError } from "../state/keyvalue.ts";
import { checkRevokeRequest, type RevokeRequest, revokedUntil } from "./request.ts";
import type { Revocation } from "./revocation.ts";
import type { Revocations } from "./revocations.ts";
import type { SubjectHasher } from "./revoked-set.ts";

export interface RevokeTokensParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  readonly revocations: Pick<Revocations, "revoke">;
  /** The same that names subjects in the audit log. */
  readonly hasher: SubjectHasher;
  /** Throws the Problem CLOCK_DIFFERS: by a wrong clock a revocation would end before the tokens, or concern later ones. */
  readonly requireRightClock: () => void;
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** When tokens were taken back, and from when on none of them can be valid any more. Unix milliseconds. */
interface Revoked {
  readonly at: number;
  readonly until: number;
}

/** Takes tokens back for `caller`. Rejects with a {@link Problem}; to try again is safe. */
export type RevokeTokens = (request: RevokeRequest, caller: string) => Promise<Revoked>;

export function createRevokeTokens({
  profiles,
  revocations,
  hasher,
  requireRightClock,
  audit,
  now,
}: RevokeTokensParts): RevokeTokens {
  return async (request, caller) => {
    const profile = profiles().get(request.profile);
    if (profile === undefined) throw unknownProfile(request.profile);
    requireRightClock();
    const at = now();
    checkRevokeRequest(request, profile, at);
    const made = revocationsOf(request, { at, until: revokedUntil(request, profile, at) }, hasher);
    // Stored first: a token in the wrong hands must not wait for an audit log that is full or broken.
    await store(made.all);
    await tell(made, request, caller);
    return made;
  };

  async function store(all: readonly Revocation[]): Promise<void> {
    try {
      await revocations.revoke(all);
    } catch (error) {
      throw error instanceof StateError ? unavailable(error) : error;
    }
  }

  async function tell(
    made: MadeRevocations,
    { profile, tenant, reason }: RevokeRequest,
    caller: string,
  ): Promise<void> {
    const { at, until, tokenIds, subjectHash, issuedBefore } = made;
    const what = { profile, tenant, tokenIds, subjectHash, issuedBefore, until };
    await audit.append({ type: "token.revoked", ...what, caller, reason }, at).catch((cause) => {
      throw revokedButNotAudited(cause, "the tokens are revoked");
    });
  }
}

/** What goes into the store, and what of it the audit log tells. */
interface MadeRevocations extends Revoked {
  readonly all: readonly Revocation[];
  readonly tokenIds: readonly string[];
  /** Empty: tokens are named by their ids. */
  readonly subjectHash: string;
  /** Unix milliseconds of a whole second. */
  readonly issuedBefore: number | undefined;
}

function revocationsOf(request: RevokeRequest, times: Revoked, { keyId, hash }: SubjectHasher): MadeRevocations {
  const { profile, tenant, subject } = request;
  const common = { profile, tenant, ...times };
  if (subject === "") {
    const tokenIds = [...new Set(request.tokenIds)];
    const all = tokenIds.map((tokenId) => ({ kind: "token" as const, ...common, tokenId }));
    return { ...times, all, tokenIds, subjectHash: "", issuedBefore: undefined };
  }
  const subjectHash = hash(subject);
  // Tokens are issued in whole seconds: one of this very second may be older than the call.
  const issuedBefore = Math.floor((request.issuedBefore?.getTime() ?? times.at) / 1000);
  const one = { kind: "subject" as const, ...common, subjectHash, hashedUnder: keyId, issuedBefore };
  return { ...times, all: [one], tokenIds: [], subjectHash, issuedBefore: issuedBefore * 1000 };
}

function unavailable(cause: StateError): Problem {
  const message = "the store is out of reach: whether the tokens are revoked is not known; to revoke again is safe";
  return new Problem("REVOCATIONS_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 });
}

/**
 * What is revoked under a profile, or under every one when the name is empty: what stands, "current", then each change,
 * until the signal aborts. Throws the Problems PROFILE_NOT_FOUND and SLOW_READER.
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
