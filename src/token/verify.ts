import type { Profile } from "../profile/profile.ts";
import { splitCompact } from "./compact.ts";
import { readHeader } from "./header.ts";
import type { TokenKeys, VerifyingKey } from "./keys.ts";
import { checkRegistered, type RegisteredClaims } from "./registered-claims.ts";
import { type Rejection, reject, type Step } from "./rejection.ts";
import { type JsonObject, parseStrictObject } from "./strict-json.ts";

/** What a token must be, beside what its profile says. */
export interface Expectation {
  readonly profile: Profile;
  readonly keys: TokenKeys;
  /** One of the token's audiences MUST equal it. Present exactly when the profile has an audience. */
  readonly audience: string | undefined;
  /** Unix milliseconds. */
  readonly now: number;
}

/** What is known of a token whose signature is good, even when a later check rejects it. */
interface Identified {
  readonly keyId: string;
  readonly tokenId: string | undefined;
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
    })
  | { readonly valid: false; readonly rejection: Rejection; readonly identified?: Identified };

/**
 * Checks a token: what it looks like, which key signed it, the signature, then the claims. The first check that fails is
 * the reason. Nothing that the token says chooses the key's algorithm, the profile or the rules.
 */
export function verifyToken(token: string, expected: Expectation): Verdict {
  const signed = checkSignature(token, expected);
  if (signed.rejection) return { valid: false, rejection: signed.rejection };
  const { payload, key } = signed.ok;
  const read = readClaims(payload);
  if (read.rejection) {
    const identified = { keyId: key.kid, tokenId: undefined, expiresAt: undefined };
    return { valid: false, rejection: read.rejection, identified };
  }
  const { claims, registered } = read.ok;
  const identified: Identified = { keyId: key.kid, tokenId: registered.jti, expiresAt: registered.exp };
  const rejected =
    checkIssuer(registered, expected.profile) ??
    checkTimes(registered, expected) ??
    checkAudience(registered, expected.audience) ??
    checkAccepted(claims, expected.profile);
  if (rejected) return { valid: false, rejection: rejected, identified };
  return { valid: true, ...identified, claims, subject: registered.sub, issuedAt: registered.iat };
}

function readClaims(payload: Buffer): Step<{ claims: JsonObject; registered: RegisteredClaims }> {
  const claims = parseStrictObject(payload);
  if (claims === undefined) return reject("MALFORMED", "the payload is not a strict JSON object");
  const registered = checkRegistered(claims);
  return registered.rejection ? registered : { ok: { claims, registered: registered.ok } };
}

function checkSignature(
  token: string,
  { profile, keys, now }: Expectation,
): Step<{ payload: Buffer; key: VerifyingKey }> {
  const compact = splitCompact(token);
  if (compact.rejection) return compact;
  const header = readHeader(compact.ok.header);
  if (header.rejection) return header;
  const { alg, kid, typ } = header.ok;
  const found = keys.verifier(kid, now);
  if (found.state === "unknown") return reject("UNKNOWN_KEY", "no key of the profile has this kid");
  if (found.state === "retired") return reject("KEY_RETIRED", "the key's time to verify is over");
  // RFC 8725, 3.1: the algorithm is the key's. A token that names another tries to have a public key used as a secret.
  if (alg !== found.key.alg) return reject("ALGORITHM_NOT_ALLOWED", `this key takes only ${found.key.alg}`);
  if (typ?.toLowerCase() !== profile.header.typ?.toLowerCase())
    return reject("TYPE_MISMATCH", profile.header.typ ? `typ must be ${profile.header.typ}` : "typ must be absent");
  if (!found.key.verify(compact.ok.signingInput, compact.ok.signature))
    return reject("BAD_SIGNATURE", "the signature does not fit the token");
  return { ok: { payload: compact.ok.payload, key: found.key } };
}

function checkIssuer({ iss }: RegisteredClaims, { issuer }: Profile): Rejection | undefined {
  return iss === issuer ? undefined : reject("ISSUER_MISMATCH", "iss is not the profile's issuer").rejection;
}

function checkTimes({ iat, nbf, exp }: RegisteredClaims, { profile, now }: Expectation): Rejection | undefined {
  const seconds = now / 1000;
  const { max, leeway } = profile.lifetime;
  if (exp === undefined) return reject("EXP_MISSING", "the profile requires exp").rejection;
  // Without iat the lifetime can't be known, but what remains of it can't be more than the whole.
  if (exp - (iat ?? seconds) > max)
    return reject("LIFETIME_EXCEEDED", `the profile's tokens live at most ${max} seconds${millisecondsHint(exp)}`)
      .rejection;
  if (nbf !== undefined && nbf > seconds + leeway) return reject("NOT_YET_VALID", "nbf is in the future").rejection;
  if (iat !== undefined && iat > seconds + leeway) return reject("NOT_YET_VALID", "iat is in the future").rejection;
  if (seconds >= exp + leeway) return reject("EXPIRED", "exp is in the past").rejection;
  return undefined;
}

/** In seconds, 10^11 is the year 5138; in milliseconds it was 1973. */
function millisecondsHint(exp: number): string {
  return exp > 1e11 && exp < 1e14 ? "; exp looks like milliseconds, RFC 7519 counts seconds" : "";
}

function checkAudience({ aud }: RegisteredClaims, audience: string | undefined): Rejection | undefined {
  if (audience === undefined || aud?.includes(audience)) return undefined;
  return reject("AUDIENCE_MISMATCH", "aud does not name this audience").rejection;
}

function checkAccepted(claims: JsonObject, { accept }: Profile): Rejection | undefined {
  const violations = accept(claims);
  const first = violations.find(({ keyword }) => keyword === "required") ?? violations[0];
  if (first === undefined) return undefined;
  const reason = first.keyword === "required" ? "CLAIM_MISSING" : "CLAIM_INVALID";
  return reject(reason, `${first.path.join(".")} ${first.message}`).rejection;
}
