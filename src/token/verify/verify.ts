import type { TokenKeys } from "../../keys/token-keys.ts";
import { issuerFor, type Profile } from "../../profile/model/profile.ts";
import type { OnExpressionError } from "../../profile/model/rules.ts";
import type { RevocableToken } from "../../revoke/revoked-set.ts";
import { checkAccepted } from "../claims/accept.ts";
import { resolveAliases } from "../claims/aliases.ts";
import { checkNumbers } from "../claims/exact-numbers.ts";
import { checkRegistered, type RegisteredClaims } from "../claims/registered.ts";
import type { JsonObject } from "../claims/strict-json.ts";
import { type Rejection, reject, type Step } from "../rejection.ts";
import { subjectOf } from "../subject.ts";
import { IP_MISMATCH, NO_EXPIRY, type Warning } from "../warnings.ts";
import type { VerifiedCache } from "./cache.ts";
import type { Presented } from "./carriers.ts";
import { checkSignature } from "./signature.ts";
import { checkTimes } from "./times.ts";
import { checkUse, isElsewhere } from "./use.ts";

/** What a token is checked against. Times in Unix milliseconds. */
export interface Expectation {
  readonly profile: Profile;
  readonly keys: TokenKeys;
  /** The verifier's own tenant; empty where the profile has none. */
  readonly tenant: string;
  /** One of the token's audiences MUST equal it; empty where the profile has none. */
  readonly audience: string;
  readonly context: Readonly<Record<string, unknown>>;
  /** The current time, which decides which keys verify. */
  readonly now: number;
  /** The time that the claims `exp`, `nbf` and `iat` are compared with. */
  readonly at: number;
  readonly isRevoked: (token: RevocableToken) => boolean;
  readonly cache: VerifiedCache;
  readonly onExpressionError: OnExpressionError;
}

/** What a good signature proves about a token, even when a later check rejects it. */
interface Identified {
  readonly keyId: string;
  readonly tokenId: string;
  /** Unix seconds. */
  readonly expiresAt: number | undefined;
}

/** Whether a token is valid. Only a valid one has claims. */
export type Verdict =
  | (Identified & {
      readonly valid: true;
      /** As the token has them, under its own names. */
      readonly claims: JsonObject;
      readonly subject: string | undefined;
      /** Unix seconds. */
      readonly issuedAt: number | undefined;
      readonly warnings: readonly Warning[];
    })
  | { readonly valid: false; readonly rejection: Rejection; readonly identified?: Identified };

/**
 * Checks a token. The order of the checks is part of the contract: the first one that fails is the reason. No claim or
 * header of the token chooses the algorithm of the key, the profile or the rules.
 */
export function verifyToken(presented: Presented, expected: Expectation): Verdict {
  const { profile, keys, tenant, audience, now, at, cache } = expected;

  // 1. TOO_LARGE to BAD_SIGNATURE: the form, the header, the key, the signature.
  const signed = checkSignature(presented, profile, keys, now, cache);
  if (signed.rejection) return { valid: false, rejection: signed.rejection };
  const { payload, tokenId, key } = signed.ok;

  // 2. MALFORMED, CLAIM_INVALID: the payload, its registered claims and its numbers can be read.
  const read = readClaims(payload, profile);
  if (read.rejection) {
    const identified = { keyId: key.kid, tokenId, expiresAt: undefined };
    return { valid: false, rejection: read.rejection, identified };
  }
  const { own, claims, conflict, registered } = read.ok;
  const identified = { keyId: key.kid, tokenId, expiresAt: registered.exp };
  const subject = subjectOf(claims, profile);
  const issuedAt = registered.iat;

  const rejection =
    // 3. ISSUER_MISMATCH, TENANT_MISMATCH.
    checkIssuer(registered, issuerFor(profile, tenant)) ??
    checkTenant(claims, profile, tenant) ??
    // 4. EXP_MISSING to TOO_OLD.
    checkTimes(registered, profile.lifetime, at / 1000) ??
    // 5. AUDIENCE_MISMATCH.
    checkAudience(registered, audience) ??
    // 6. CLAIM_MISSING, CLAIM_INVALID, CLAIM_CONFLICT: what the profile accepts.
    checkAccepted(claims, profile) ??
    conflict ??
    // 7. IP_MISMATCH, CONTEXT_INVALID, NOT_PERMITTED: what the client may do with the token.
    checkUse(claims, expected) ??
    // 8. REVOKED.
    checkRevoked({ profile: profile.name, tenant, tokenId, subject, issuedAt }, expected);
  if (rejection) return { valid: false, rejection, identified };
  return { valid: true, ...identified, claims: own, subject, issuedAt, warnings: warningsOf(claims, expected) };
}

interface ReadClaims {
  /** Under the names that the token uses. */
  readonly own: JsonObject;
  /** Under the names of the profile. */
  readonly claims: JsonObject;
  readonly conflict: Rejection | undefined;
  readonly registered: RegisteredClaims;
}

function readClaims(own: JsonObject | undefined, profile: Profile): Step<ReadClaims> {
  if (own === undefined) return reject("MALFORMED", "the payload is not a strict JSON object");
  const { claims, conflict } = resolveAliases(own, profile.aliases);
  const registered = checkRegistered(claims, profile);
  if (registered.rejection) return registered;
  // After the registered claims: for an infinite `exp` CLAIM_INVALID says more.
  const inexact = checkNumbers(own);
  if (inexact) return { rejection: inexact };
  return { ok: { own, claims, conflict, registered: registered.ok } };
}

function checkIssuer({ iss }: RegisteredClaims, issuer: string | undefined): Rejection | undefined {
  if (issuer === undefined || iss === issuer) return undefined;
  return reject("ISSUER_MISMATCH", "iss is not the profile's issuer").rejection;
}

function checkTenant(claims: JsonObject, { tenant: rule }: Profile, tenant: string): Rejection | undefined {
  if (rule?.claim === undefined || claims[rule.claim] === tenant) return undefined;
  return reject("TENANT_MISMATCH", `${rule.claim} is not the verifier's tenant`).rejection;
}

function checkAudience({ aud }: RegisteredClaims, audience: string): Rejection | undefined {
  if (audience === "" || aud?.includes(audience)) return undefined;
  return reject("AUDIENCE_MISMATCH", "aud does not name this audience").rejection;
}

function checkRevoked(token: RevocableToken, { isRevoked }: Expectation): Rejection | undefined {
  return isRevoked(token) ? reject("REVOKED", "the token was revoked").rejection : undefined;
}

function warningsOf(claims: JsonObject, expected: Expectation): readonly Warning[] {
  const warnings: Warning[] = [];
  if (claims.exp === undefined) warnings.push(NO_EXPIRY);
  if (expected.profile.ip?.mode === "warn" && isElsewhere(claims, expected)) warnings.push(IP_MISMATCH);
  return warnings;
}
