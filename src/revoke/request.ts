import { identityFault, NO_TIME, NOT_PAST, reasonFault, tenantFault, tokenFault } from "../problem/field-rules.ts";
import { type FieldViolation, invalidRequest } from "../problem/problem.ts";
import { longestLifetime, type Profile, type ProfileLifetime } from "../profile/model/profile.ts";

/** The contract's `RevokeTokensRequest`, unchecked. An empty string is an absent field. */
export interface RevokeRequest {
  readonly profile: string;
  readonly tenant: string;
  readonly tokenIds: readonly string[];
  readonly expiresAt: Date | undefined;
  readonly subject: string;
  readonly issuedBefore: Date | undefined;
  readonly reason: string;
}

/** Tokens that one call may name. */
const MAX_TOKENS = 100;

/**
 * How far `expires_at` may exceed the expiry of the longest-lived token issued now. A later time is refused, not
 * shortened: the token would be valid again once its revocation expires.
 */
const MAX_AHEAD_MS = 366 * 86_400_000;

/** Checks a request. `now` in Unix milliseconds. Throws the Problem INVALID_REQUEST, which names every bad field. */
export function checkRevokeRequest(request: RevokeRequest, profile: Profile, now: number): void {
  const violations: FieldViolation[] = [];
  const check = (field: string, description: string | undefined): void => {
    if (description !== undefined) violations.push({ field, description });
  };
  const { tokenIds, subject } = request;
  check("tenant", tenantFault(request.tenant, profile.tenant !== undefined));
  if (tokenIds.length === 0 && subject === "") check("token_ids", "are required without a subject");
  if (tokenIds.length > MAX_TOKENS) check("token_ids", `must have at most ${MAX_TOKENS} values`);
  tokenIds.slice(0, MAX_TOKENS).forEach((id, index) => {
    check(`token_ids[${index}]`, identityFault(id) ?? tokenFault(id));
  });
  if (subject !== "") check("subject", tokenIds.length > 0 ? "must not be set with token_ids" : identityFault(subject));
  check("expires_at", expiryFault(request, profile, now));
  check("issued_before", issuedBeforeFault(request, now));
  check("reason", reasonFault(request.reason));
  if (violations.length > 0) throw invalidRequest(violations);
}

/**
 * When the last of the tokens expires, in Unix milliseconds. Leeway and clock skew are added, because the replicas that
 * issued and verify the tokens may have other clocks.
 */
export function revokedUntil({ expiresAt }: Pick<RevokeRequest, "expiresAt">, profile: Profile, now: number): number {
  const { lifetime } = profile;
  return (expiresAt?.getTime() ?? now + longestLifetime(lifetime) * 1000) + marginMs(lifetime);
}

function marginMs({ leeway, skew }: ProfileLifetime): number {
  return (leeway + skew) * 1000;
}

function expiryFault(request: RevokeRequest, profile: Profile, now: number): string | undefined {
  if (request.expiresAt === undefined) return undefined;
  if (request.tokenIds.length === 0) return "must not be set without token_ids";
  const until = revokedUntil(request, profile, now);
  if (Number.isNaN(until)) return NO_TIME;
  if (until <= now) return "must be in the future";
  const latest = revokedUntil({ expiresAt: undefined }, profile, now) + MAX_AHEAD_MS;
  return until <= latest ? undefined : "must be at most 366 days after the longest-lived token issued now expires";
}

function issuedBeforeFault({ issuedBefore, subject }: RevokeRequest, now: number): string | undefined {
  if (issuedBefore === undefined) return undefined;
  if (subject === "") return "must not be set without a subject";
  if (Number.isNaN(issuedBefore.getTime())) return NO_TIME;
  return issuedBefore.getTime() >= 0 && issuedBefore.getTime() <= now ? undefined : NOT_PAST;
}
