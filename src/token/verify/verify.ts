import type { TokenKeys } from "../../keys/token-keys.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { OnExpressionError } from "../../profile/model/rules.ts";
import type { RevocableToken } from "../../revoke/revoked-set.ts";
import { checkAccepted } from "../claims/accepted.ts";
import { resolveAliases } from "../claims/aliases.ts";
import { checkRegistered, type RegisteredClaims } from "../claims/registered.ts";
import { hasFiniteNumbers, type JsonObject } from "../claims/strict-json.ts";
import { type Rejection, reject, type Step } from "../rejection.ts";
import { IP_MISMATCH, NO_EXPIRY, type Warning } from "../warnings.ts";
import type { VerifiedCache } from "./cache.ts";
import type { Presented } from "./carriers.ts";
import { checkSignature } from "./signature.ts";
import { checkTimes } from "./times.ts";
import { checkUse, isElsewhere } from "./use.ts";

/** What a token must be, beside what its profile says. Times in Unix milliseconds. */
export interface Expectation {
  readonly profile: Profile;
  readonly keys: TokenKeys;
  /** The verifier's own tenant; empty where the profile has none. */
  readonly tenant: string;
  /** One of the token's audiences MUST equal it; empty where the profile has none. */
  readonly audience: string;
  readonly context: Readonly<Record<string, unknown>>;
  /** Decides which keys verify. */
  readonly now: number;
  /** The token's clock. */
  readonly at: number;
  readonly isRevoked: (token: RevocableToken) => boolean;
  readonly cache: VerifiedCache;
  readonly onExpressionError: OnExpressionError;
}

/** What is known of a token whose signature is good, even when a later check rejects it. */
interface Identified {
  readonly keyId: string;
  readonly tokenId: string;
  /** Unix seconds. */
  readonly expiresAt: number | undefined;
}

/** The answer to "is this token valid?". Only a valid one holds claims. */
export type Verdict =
  | (Identified & {
      readonly valid: true;
      readonly claims: JsonObject;
      readonly subject: string | undefined;
      /** Unix seconds. */
      readonly issuedAt: number | undefined;
      readonly warnings: readonly Warning[];
    })
  | { readonly valid: false; readonly rejection: Rejection; readonly identified?: Identified };

/** The claims of a token: as it shows them, and by the profile's own names with what the registered ones say. */
interface ReadClaims {
  readonly shown: JsonObject;
  readonly claims: JsonObject;
  readonly conflict: Rejection | undefined;
  readonly registered: RegisteredClaims;
}

/**
 * Checks a token: what it looks like, which key signed it, the signature, then the claims, then what the client wants to
 * do. The first check that fails is the reason. Nothing that the token says chooses the key's algorithm, the profile or the
 * rules.
 */
export function verifyToken(presented: Presented, expected: Expectation): Verdict {
  const { profile, keys, tenant, now, cache } = expected;
  const signed = checkSignature(presented, profile, keys, now, cache);
  if (signed.rejection) return { valid: false, rejection: signed.rejection };
  const { payload, tokenId, key } = signed.ok;
  const read = readClaims(payload, profile);
  if (read.rejection) {
    const identified = { keyId: key.kid, tokenId, expiresAt: undefined };
    return { valid: false, rejection: read.rejection, identified };
  }
  const { shown, claims, registered } = read.ok;
  const identified = { keyId: key.kid, tokenId, expiresAt: registered.exp };
  const subject = subjectOf(claims, profile);
  const issuedAt = registered.iat;
  const rejected =
    checkClaims(read.ok, expected) ??
    checkUse(claims, expected) ??
    checkRevoked({ profile: profile.name, tenant, tokenId, subject, issuedAt }, expected);
  if (rejected) return { valid: false, rejection: rejected, identified };
  return { valid: true, ...identified, claims: shown, subject, issuedAt, warnings: warningsOf(claims, expected) };
}

function readClaims(shown: JsonObject | undefined, { aliases }: Profile): Step<ReadClaims> {
  if (shown === undefined) return reject("MALFORMED", "the payload is not a strict JSON object");
  const { claims, conflict } = resolveAliases(shown, aliases);
  const registered = checkRegistered(claims);
  if (registered.rejection) return registered;
  // Behind the registered claims, of which a time that is not finite is told as that claim's fault.
  if (!hasFiniteNumbers(shown)) return reject("MALFORMED", "the payload holds a number beyond ±1.8e308");
  return { ok: { shown, claims, conflict, registered: registered.ok } };
}

/** What the token itself must say. */
function checkClaims({ claims, conflict, registered }: ReadClaims, expected: Expectation): Rejection | undefined {
  const { profile, tenant, audience, at } = expected;
  return (
    checkIssuer(registered, profile) ??
    checkTenant(claims, profile, tenant) ??
    checkTimes(registered, profile.lifetime, at / 1000) ??
    checkAudience(registered, audience) ??
    checkAccepted(claims, profile) ??
    conflict
  );
}

function checkIssuer({ iss }: RegisteredClaims, { issuer }: Profile): Rejection | undefined {
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
  return isRevoked(token) ? reject("REVOKED", "the token was taken back").rejection : undefined;
}

function subjectOf(claims: JsonObject, { subjectClaim }: Profile): string | undefined {
  const subject = claims[subjectClaim];
  return typeof subject === "string" ? subject : undefined;
}

function warningsOf(claims: JsonObject, expected: Expectation): readonly Warning[] {
  const warnings: Warning[] = [];
  if (claims.exp === undefined) warnings.push(NO_EXPIRY);
  if (expected.profile.ip?.mode === "warn" && isElsewhere(claims, expected)) warnings.push(IP_MISMATCH);
  return warnings;
}
