import type { Caller } from "../../caller.ts";
import { type FieldViolation, invalidRequest } from "../../problem/problem.ts";
import { ClaimExpressionError, type ClaimValues, type SignedClaims } from "../../profile/model/claims.ts";
import { issuerFor, type Profile } from "../../profile/model/profile.ts";
import type { OnExpressionError } from "../../profile/model/rules.ts";
import { checkAccepted } from "../claims/accept.ts";
import { resolveAliases } from "../claims/aliases.ts";
import { checkNumbers } from "../claims/exact-numbers.ts";
import { checkRegistered } from "../claims/registered.ts";
import type { JsonObject } from "../claims/strict-json.ts";
import { canonicalIp } from "../ip-address.ts";
import type { Rejection } from "../rejection.ts";
import { issueWarnings, type Warning } from "../warnings.ts";
import { checkFields, type IssueRequest } from "./request.ts";
import { checkRequestObject } from "./request-object.ts";
import { chooseTtl } from "./ttl.ts";

/** What a draft needs besides the request. */
export interface IssueContext {
  readonly profile: Profile;
  readonly caller: Caller;
  /** Unix milliseconds. */
  readonly now: number;
  /** For the `jti`, where the profile has one. */
  readonly tokenId: string;
  readonly onExpressionError: OnExpressionError;
}

declare const checked: unique symbol;

/** A checked token that may be signed. Only {@link draftToken} makes one, so nothing unchecked can be signed. */
export interface Draft {
  readonly [checked]: true;
  readonly profile: Profile;
  readonly caller: Caller;
  readonly now: number;
  /** Empty where the profile has none. */
  readonly tenant: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  /** Unix seconds; undefined: the token has no `exp`. */
  readonly expiresAt: number | undefined;
  /** Whether its lifetime exceeds the profile's maximum, which a caller must ask for explicitly. */
  readonly extended: boolean;
  readonly claims: SignedClaims;
  readonly warnings: readonly Warning[];
}

/**
 * Checks a request against its profile and drafts the token.
 *
 * @throws Problem INVALID_REQUEST with every bad field.
 */
export function draftToken(
  request: IssueRequest,
  { profile, caller, now, tokenId, onExpressionError }: IssueContext,
): Draft {
  const violations: FieldViolation[] = [];
  const claims = request.claims ?? {};
  checkFields(request, profile, violations);
  const ttl = chooseTtl(request, profile, violations);
  checkRequestObject(claims, profile, violations);
  if (violations.length > 0) throw invalidRequest(violations);
  const issuedAt = Math.floor(now / 1000);
  const expiresAt = ttl === undefined ? undefined : issuedAt + ttl;
  const times = { issued_at: issuedAt, expires_at: expiresAt };
  const values = {
    ...times,
    ...fieldValues(request, profile),
    issuer: issuerFor(profile, request.tenant),
    caller: caller.name,
    token_id: tokenId,
  };
  const draft: Omit<Draft, typeof checked> = {
    profile,
    caller,
    now,
    tenant: request.tenant,
    issuedAt,
    expiresAt,
    extended: ttl !== undefined && ttl > profile.lifetime.max,
    claims: signedClaims(profile, values, claims, onExpressionError),
    warnings: issueWarnings(profile, claims, expiresAt, onExpressionError.bind(undefined, "warning")),
  };
  return draft as Draft;
}

/** The values of the fields that are the same for every profile. */
function fieldValues({ tenant, subject, audience, clientIp }: IssueRequest, { emptySubject }: Profile) {
  return {
    tenant: tenant === "" ? undefined : tenant,
    subject: subject === "" && !emptySubject ? undefined : subject,
    audience: audience.length <= 1 ? audience[0] : audience,
    client_ip: clientIp === "" ? undefined : canonicalIp(clientIp),
  };
}

function signedClaims(
  profile: Profile,
  values: ClaimValues,
  request: Readonly<Record<string, unknown>>,
  onExpressionError: OnExpressionError,
): SignedClaims {
  const claims = mapClaims(profile, values, request, onExpressionError);
  const rejection = checkSigned(claims.object as JsonObject, profile);
  if (rejection === undefined) return claims;
  throw invalidRequest([
    { field: "claims", description: `must not make a token that is never valid: ${rejection.message}` },
  ]);
}

/** Why a token with these claims could never be valid. A profile has one schema for requests and another for tokens. */
function checkSigned(signed: JsonObject, profile: Profile): Rejection | undefined {
  const { claims, conflict } = resolveAliases(signed, profile.aliases);
  return (
    checkRegistered(claims, profile).rejection ?? checkNumbers(signed) ?? checkAccepted(claims, profile) ?? conflict
  );
}

function mapClaims(
  profile: Profile,
  values: ClaimValues,
  request: Readonly<Record<string, unknown>>,
  onExpressionError: OnExpressionError,
): SignedClaims {
  try {
    return profile.mapClaims(values, request);
  } catch (error) {
    if (!(error instanceof ClaimExpressionError)) throw error;
    const { claim, failure } = error;
    onExpressionError("claim", claim, failure);
    const description =
      failure.reason === "too_costly"
        ? `must be smaller: to compute the claim ${claim} of it would take too long`
        : `must allow the claim ${claim} to be computed`;
    throw invalidRequest([{ field: "claims", description }]);
  }
}
