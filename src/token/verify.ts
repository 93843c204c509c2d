import type { Profile } from "../profile/profile.ts";
import { resolveAliases } from "./aliases.ts";
import type { Presented } from "./carriers.ts";
import { checkAccepted } from "./check-accepted.ts";
import { checkTimes } from "./check-times.ts";
import { checkUse, isElsewhere } from "./check-use.ts";
import type { TokenKeys } from "./keys.ts";
import { checkRegistered, type RegisteredClaims } from "./registered-claims.ts";
import { type Rejection, reject, type Step } from "./rejection.ts";
import { checkSignature } from "./signature.ts";
import { type JsonObject, parseStrictObject } from "./strict-json.ts";
import { tokenIdOf } from "./token-id.ts";
import { IP_MISMATCH, NO_EXPIRY, type Warning } from "./warnings.ts";

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
export function verifyToken({ token, maxLength }: Presented, expected: Expectation): Verdict {
  const { profile, keys, now } = expected;
  const signed = checkSignature(token, maxLength, profile, keys, now);
  if (signed.rejection) return { valid: false, rejection: signed.rejection };
  const { compact, key } = signed.ok;
  const payload = parseStrictObject(compact.payload);
  const tokenId = tokenIdOf(payload?.jti, compact.signingInput);
  const read = readClaims(payload, profile);
  if (read.rejection) {
    const identified = { keyId: key.kid, tokenId, expiresAt: undefined };
    return { valid: false, rejection: read.rejection, identified };
  }
  const identified = { keyId: key.kid, tokenId, expiresAt: read.ok.registered.exp };
  const rejected = checkClaims(read.ok, expected) ?? checkUse(read.ok.claims, expected);
  if (rejected) return { valid: false, rejection: rejected, identified };
  const { shown, claims, registered } = read.ok;
  const subject = claims[profile.subjectClaim];
  return {
    valid: true,
    ...identified,
    claims: shown,
    subject: typeof subject === "string" ? subject : undefined,
    issuedAt: registered.iat,
    warnings: warningsOf(claims, expected),
  };
}

function readClaims(shown: JsonObject | undefined, { aliases }: Profile): Step<ReadClaims> {
  if (shown === undefined) return reject("MALFORMED", "the payload is not a strict JSON object");
  const { claims, conflict } = resolveAliases(shown, aliases);
  const registered = checkRegistered(claims);
  return registered.rejection ? registered : { ok: { shown, claims, conflict, registered: registered.ok } };
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

function warningsOf(claims: JsonObject, expected: Expectation): readonly Warning[] {
  const warnings: Warning[] = [];
  if (claims.exp === undefined) warnings.push(NO_EXPIRY);
  if (expected.profile.ip?.mode === "warn" && isElsewhere(claims, expected)) warnings.push(IP_MISMATCH);
  return warnings;
}
