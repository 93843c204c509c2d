import type { TokenKeys } from "../../keys/token-keys.ts";
import { Problem, unknownProfile } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { ProfileExpressionFailed } from "../../profile/model/rules.ts";
import type { Revocations } from "../../revoke/revocations.ts";
import type { RejectionReason } from "../rejection.ts";
import type { VerifiedCache } from "./cache.ts";
import { findToken } from "./carriers.ts";
import { MAX_TOKEN_LENGTH } from "./compact.ts";
import { requireComplete, type VerifyQuestion } from "./request.ts";
import { type Expectation, type Verdict, verifyToken } from "./verify.ts";

export interface VerifyTokenParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  /** The keys of the profile and tenant; a tenant that nothing is known of has keys that know nothing. */
  readonly keysOf: (profile: Profile, tenant: string) => TokenKeys;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly revocations: Pick<Revocations, "has" | "viewAgeMs">;
  readonly cache: VerifiedCache;
  /** Called for every rejected token. */
  readonly onRejected: (profile: string, reason: string) => void;
  readonly onExpressionError: ProfileExpressionFailed;
}

/** A verdict, the version of the keys that it was made with, and what is needed to show it to the client. */
export interface VerifyAnswer {
  readonly profile: Profile;
  readonly epoch: number;
  readonly verdict: Verdict;
  /** How old the view of what was taken back is, in milliseconds; 0 when it is current. */
  readonly revocationViewAgeMs: number;
  /** Whether the client sent a frame and waits for one. */
  readonly framed: boolean;
}

/** Verifies by the name of a profile. Throws or rejects with a {@link Problem} for a bad call. */
export type VerifyToken = (question: VerifyQuestion) => VerifyAnswer | Promise<VerifyAnswer>;

export function createVerifyToken({
  profiles,
  keysOf,
  now,
  revocations,
  cache,
  onRejected,
  onExpressionError,
}: VerifyTokenParts): VerifyToken {
  const isRevoked = revocations.has;

  return (question) => {
    const profile = profiles().get(question.profile);
    if (profile === undefined) throw unknownProfile(question.profile);
    const credential = requireComplete(question, profile, now());
    const keys = keysOf(profile, question.tenant);
    const answer = judge(credential, question, profile, keys);
    if (!hasReason(answer, "UNKNOWN_KEY")) return told(answer);
    // Another replica may have published the key a moment ago.
    const reloading = keys.reload();
    if (reloading === undefined) return told(answer);
    return reloading.then(() => told(judge(credential, question, profile, keys)), refuseUnread);
  };

  function judge(credential: Credential, question: VerifyQuestion, profile: Profile, keys: TokenKeys): VerifyAnswer {
    const time = now();
    const { tenant, audience, context = {}, at } = question;
    const clocks = { now: time, at: at?.getTime() ?? time };
    const parts = { isRevoked, cache, onExpressionError: onExpressionError.bind(undefined, profile.name) };
    const verdict = verdictOn(credential, { profile, keys, tenant, audience, context, ...clocks, ...parts });
    const framed = credential.$case === "carrier" && credential.value.frame.length > 0;
    return { profile, epoch: keys.epoch, verdict, revocationViewAgeMs: revocations.viewAgeMs(time), framed };
  }

  function told(answer: VerifyAnswer): VerifyAnswer {
    if (!answer.verdict.valid) onRejected(answer.profile.name, answer.verdict.rejection.reason);
    return answer;
  }
}

type Credential = NonNullable<VerifyQuestion["credential"]>;

function verdictOn(credential: Credential, expected: Expectation): Verdict {
  if (credential.$case === "token")
    return verifyToken({ token: credential.value, maxLength: MAX_TOKEN_LENGTH }, expected);
  const found = findToken(credential.value, expected.profile.carriers);
  return found.rejection ? { valid: false, rejection: found.rejection } : verifyToken(found.ok, expected);
}

function hasReason({ verdict }: VerifyAnswer, reason: RejectionReason): boolean {
  return !verdict.valid && verdict.rejection.reason === reason;
}

function refuseUnread(cause: unknown): never {
  throw new Problem("KEYS_UNAVAILABLE", "the token's key is not known here and the key store can't be read", {
    cause,
    retryAfterMs: 1_000,
  });
}
