import type { Profile } from "../profile/profile.ts";
import { mapClaims, type SignedClaims } from "../profile/sign-claims.ts";
import { checkRequestObject, fieldOf } from "./claims-rules.ts";
import { type FieldViolation, invalidRequest } from "./problem.ts";
import { identityFault } from "./text-rules.ts";

/** What a caller asks for. Shaped as the contract's `IssueTokenRequest`, nothing checked yet. */
export interface IssueRequest {
  readonly subject: string;
  readonly audience: readonly string[];
  readonly ttl: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
}

/** What the service adds to a request. */
export interface IssueContext {
  readonly profile: Profile;
  readonly caller: string;
  /** Unix milliseconds. */
  readonly now: number;
  readonly tokenId: string;
}

declare const checked: unique symbol;

/** A token that was checked and may be signed. Only {@link draftToken} makes one, so nothing unchecked can be signed. */
export interface Draft extends IssueContext {
  readonly [checked]: true;
  readonly subject: string;
  readonly audience: readonly string[];
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly claims: SignedClaims;
}

/** Number of audiences that one token may have. */
const MAX_AUDIENCES = 16;

/**
 * Checks a request against its profile and drafts the token.
 *
 * @throws Problem INVALID_REQUEST with every bad field.
 */
export function draftToken(request: IssueRequest, context: IssueContext): Draft {
  const { profile, caller, now, tokenId } = context;
  const claims = request.claims ?? {};
  const violations = [
    ...checkSubject(request.subject, profile),
    ...checkAudience(request.audience, profile),
    ...checkTtl(request.ttl, profile),
    ...checkClaims(claims, profile),
  ];
  if (violations.length > 0) throw invalidRequest(violations);
  const { subject, audience } = request;
  const issuedAt = Math.floor(now / 1000);
  const expiresAt = issuedAt + (request.ttl === undefined ? profile.lifetime.default : Number(request.ttl.seconds));
  const values = {
    issuer: profile.issuer,
    subject,
    audience: audience.length === 1 ? audience[0] : audience,
    caller,
    issued_at: issuedAt,
    expires_at: expiresAt,
    token_id: tokenId,
  };
  const draft = { ...context, subject, audience, issuedAt, expiresAt, claims: mapClaims(profile, values, claims) };
  return draft as unknown as Draft;
}

function checkSubject(subject: string, { takes }: Profile): FieldViolation[] {
  if (!takes.subject) return subject === "" ? [] : [{ field: "subject", description: "is not taken by this profile" }];
  const fault = identityFault(subject);
  return fault === undefined ? [] : [{ field: "subject", description: fault }];
}

function checkAudience(audience: readonly string[], { takes }: Profile): FieldViolation[] {
  if (!takes.audience)
    return audience.length === 0 ? [] : [{ field: "audience", description: "is not taken by this profile" }];
  if (audience.length === 0 || audience.length > MAX_AUDIENCES)
    return [{ field: "audience", description: `must have 1 to ${MAX_AUDIENCES} values` }];
  const violations: FieldViolation[] = [];
  audience.forEach((value, index) => {
    const fault =
      identityFault(value) ?? (audience.indexOf(value) < index ? "must not repeat another value" : undefined);
    if (fault !== undefined) violations.push({ field: `audience[${index}]`, description: fault });
  });
  return violations;
}

function checkTtl(ttl: IssueRequest["ttl"], { lifetime }: Profile): FieldViolation[] {
  if (ttl === undefined) return [];
  const { min, max } = lifetime;
  if (ttl.nanos === 0 && ttl.seconds >= BigInt(min) && ttl.seconds <= BigInt(max)) return [];
  return [{ field: "ttl", description: `must be whole seconds from ${min}s to ${max}s` }];
}

function checkClaims(claims: Readonly<Record<string, unknown>>, profile: Profile): readonly FieldViolation[] {
  const { violations, tooLarge } = checkRequestObject(claims, profile.ownNames);
  // A schema may need time that grows with its input, so it sees only what is within the limits.
  if (tooLarge) return violations;
  const told = new Set(violations.map(({ field }) => field));
  const more = profile.request(claims).map(({ path, message }) => ({ field: claimField(path), description: message }));
  return [...violations, ...more.filter(({ field }) => !told.has(field))];
}

function claimField(path: readonly (string | number)[]): string {
  return path.reduce<string>((field, part) => fieldOf(field, String(part)), "claims");
}
