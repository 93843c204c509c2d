import type { Party } from "../../audit/events/event-type.ts";
import type { RejectedToken } from "../../audit/events/token.ts";
import type { Caller } from "../../caller.ts";
import type { TokenKeys } from "../../keys/token-keys.ts";
import { Problem, unknownProfile } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { OnProfileExpressionError } from "../../profile/model/rules.ts";
import type { Revocations } from "../../revoke/revocations.ts";
import { JUDGED_AT, type Warning } from "../warnings.ts";
import type { VerifiedCache } from "./cache.ts";
import { findToken } from "./carriers.ts";
import { MAX_TOKEN_LENGTH } from "./compact.ts";
import { rejectedToken } from "./rejected-token.ts";
import { type Credential, requireComplete, type VerifyRequest } from "./request.ts";
import { type Expectation, type Verdict, verifyToken } from "./verify.ts";

export interface VerifyTokenParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  /** The keys of the profile and tenant. For an unknown tenant, keys that verify nothing. */
  readonly keysOf: (profile: Profile, tenant: string) => TokenKeys;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly revocations: Pick<Revocations, "has" | "viewAgeMs">;
  readonly cache: VerifiedCache;
  readonly onExpressionError: OnProfileExpressionError;
}

/** A verdict, and what the response says about how it was reached. */
export interface VerifyAnswer {
  readonly profile: Profile;
  /** The epoch of the keys that decided. */
  readonly epoch: number;
  readonly verdict: Verdict;
  /** Those of a valid token, and one for an answer that is not about now. */
  readonly warnings: readonly Warning[];
  /** When a connection that is opened now with the token must close, in Unix seconds; undefined: at no time. */
  readonly sessionDeadline: number | undefined;
  /** Age of this replica's view of revocations, in milliseconds; 0 when it is current. */
  readonly revocationViewAgeMs: number;
  /** Whether the client sent a frame, and so waits for one. */
  readonly framed: boolean;
}

/**
 * Verifies a token under the profile that the request names. Synchronous, unless the keys must be read again. Throws or
 * rejects with a {@link Problem} when the request is bad; a bad token is an answer. Uses no token up.
 */
export type VerifyToken = (request: VerifyRequest) => VerifyAnswer | Promise<VerifyAnswer>;

/** As {@link VerifyToken}, for a caller, who may use the token up. */
export type VerifyForCaller = (request: VerifyRequest, caller: Caller) => VerifyAnswer | Promise<VerifyAnswer>;

type VerifyFor<Who extends Party> = (request: VerifyRequest, caller: Who) => VerifyAnswer | Promise<VerifyAnswer>;

/** `sample` describes the rejected token, for an event. */
type OnRejected = (profile: string, reason: string, sample: () => RejectedToken) => void;

/** Calls `onRejected` for every token that `verify` rejects. */
export function withRejections<Who extends Party>(verify: VerifyFor<Who>, onRejected: OnRejected): VerifyFor<Who> {
  return (request, caller) => {
    const answer = verify(request, caller);
    return answer instanceof Promise
      ? answer.then((later) => reported(later, request, caller))
      : reported(answer, request, caller);
  };

  function reported(answer: VerifyAnswer, request: VerifyRequest, caller: Who): VerifyAnswer {
    const { profile, verdict } = answer;
    if (!verdict.valid)
      onRejected(profile.name, verdict.rejection.reason, () => rejectedToken(request, answer, caller));
    return answer;
  }
}

export function createVerifyToken(parts: VerifyTokenParts): VerifyToken {
  const { profiles, keysOf, now, revocations, cache, onExpressionError } = parts;
  const isRevoked = revocations.has;

  return (request) => {
    const profile = profiles().get(request.profile);
    if (profile === undefined) throw unknownProfile(request.profile);
    const credential = requireComplete(request, profile, now());
    const keys = keysOf(profile, request.tenant);
    const answer = verify(credential, request, profile, keys);
    if (!isUnknownKey(answer)) return answer;
    // Another replica may have published the key a moment ago.
    const reloading = keys.reload();
    if (reloading === undefined) return answer;
    return reloading.then(() => verify(credential, request, profile, keys), throwUnreadable);
  };

  function verify(credential: Credential, request: VerifyRequest, profile: Profile, keys: TokenKeys): VerifyAnswer {
    const time = now();
    const { tenant, audience, context = {}, at, answeredAt = time } = request;
    const clocks = { now: time, at: at?.getTime() ?? answeredAt };
    const onError = onExpressionError.bind(undefined, profile.name);
    const means = { keys, isRevoked, cache, onExpressionError: onError };
    const verdict = verifyCredential(credential, { profile, tenant, audience, context, ...clocks, ...means });
    const framed = credential.$case === "carrier" && credential.value.frame.length > 0;
    const revocationViewAgeMs = revocations.viewAgeMs(time);
    const warnings = [...(verdict.valid ? verdict.warnings : []), ...(at === undefined ? [] : [JUDGED_AT])];
    const { sessionMax } = profile.lifetime;
    const sessionDeadline = sessionMax === undefined ? undefined : Math.floor(time / 1000) + sessionMax;
    return { profile, epoch: keys.epoch, verdict, warnings, sessionDeadline, revocationViewAgeMs, framed };
  }
}

function verifyCredential(credential: Credential, expected: Expectation): Verdict {
  if (credential.$case === "token")
    return verifyToken({ token: credential.value, maxLength: MAX_TOKEN_LENGTH }, expected);
  const found = findToken(credential.value, expected.profile.carriers);
  return found.rejection ? { valid: false, rejection: found.rejection } : verifyToken(found.ok, expected);
}

function isUnknownKey({ verdict }: VerifyAnswer): boolean {
  return !verdict.valid && verdict.rejection.reason === "UNKNOWN_KEY";
}

function throwUnreadable(cause: unknown): never {
  throw new Problem(
    "KEYS_UNAVAILABLE",
    "the token's key is unknown here, and the key store can't be read, or not in time",
    {
      cause,
      retryAfterMs: 1_000,
    },
  );
}
