import type { Profile } from "../profile/profile.ts";
import type { IssueRequest } from "./draft.ts";
import type { IssuedToken, TokenIssuer } from "./issue.ts";
import type { TokenKeys } from "./keys.ts";
import { type FieldViolation, invalidRequest, Problem } from "./problem.ts";
import type { RejectionReason } from "./rejection.ts";
import { type Verdict, verifyToken } from "./verify.ts";

export interface TokenServiceParts {
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The keys of the profile's keyset. */
  readonly keysOf: (profile: Profile) => TokenKeys;
  readonly issuer: TokenIssuer;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Told of every token that left, every refusal to issue and every rejection. `profile` is "" when it is unknown. */
  readonly observer: {
    issued(profile: string): void;
    denied(profile: string, caller: string, problem: unknown): void;
    rejected(profile: string, reason: string): void;
  };
}

/** What a caller wants checked. Shaped as the contract's `VerifyTokenRequest`. */
export interface VerifyQuestion {
  readonly profile: string;
  /** Undefined or empty: absent. */
  readonly token: string | undefined;
  /** Empty: absent. */
  readonly audience: string;
}

/** A verdict, and the version of the keys that it was made with. */
export interface VerifyAnswer {
  readonly profile: string;
  readonly epoch: number;
  readonly verdict: Verdict;
}

/** Issuing and verifying by the name of a profile. Both throw {@link Problem} for a bad call. */
export interface TokenService {
  issue(profile: string, request: IssueRequest, caller: string): Promise<IssuedToken>;
  verify(question: VerifyQuestion): VerifyAnswer | Promise<VerifyAnswer>;
}

export function tokenService({ profiles, keysOf, issuer, now, observer }: TokenServiceParts): TokenService {
  return {
    async issue(name, request, caller) {
      const profile = profiles.get(name);
      try {
        if (profile === undefined) throw unknownProfile(name);
        const issued = await issuer(profile, keysOf(profile), request, caller);
        observer.issued(name);
        return issued;
      } catch (error) {
        observer.denied(profile === undefined ? "" : name, caller, error);
        throw error;
      }
    },

    verify(question) {
      const profile = profiles.get(question.profile);
      if (profile === undefined) throw unknownProfile(question.profile);
      const token = requireComplete(question, profile);
      const keys = keysOf(profile);
      const answer = judge(token, profile, keys, question.audience);
      if (!hasReason(answer, "UNKNOWN_KEY")) return told(answer);
      // Another replica may have published the key a moment ago.
      const reloading = keys.reload();
      if (reloading === undefined) return told(answer);
      return reloading.then(() => told(judge(token, profile, keys, question.audience)), refuseUnread);
    },
  };

  function judge(token: string, profile: Profile, keys: TokenKeys, audience: string): VerifyAnswer {
    const expected = { profile, keys, audience: audience === "" ? undefined : audience, now: now() };
    return { profile: profile.name, epoch: keys.epoch, verdict: verifyToken(token, expected) };
  }

  function told(answer: VerifyAnswer): VerifyAnswer {
    if (!answer.verdict.valid) observer.rejected(answer.profile, answer.verdict.rejection.reason);
    return answer;
  }
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

/** What is absent is never skipped: a verifier that forgets its audience would take tokens that are meant for others. */
function requireComplete({ token, audience }: VerifyQuestion, { takes }: Profile): string {
  const violations: FieldViolation[] = [];
  if (token === undefined || token === "") violations.push({ field: "token", description: "is required" });
  if (takes.audience && audience === "") violations.push({ field: "audience", description: "is required" });
  if (!takes.audience && audience !== "")
    violations.push({ field: "audience", description: "is not taken by this profile" });
  if (token === undefined || violations.length > 0) throw invalidRequest(violations);
  return token;
}

function unknownProfile(name: string): Problem {
  if (name === "") return invalidRequest([{ field: "profile", description: "is required" }]);
  return new Problem("PROFILE_NOT_FOUND", "there is no such profile, or it is not allowed");
}
