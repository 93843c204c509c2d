import type { TokenKeys } from "../../keys/token-keys.ts";
import type { VerifyingKey } from "../../keys/vault.ts";
import { allowsAlgorithm, type Profile, type ProfileKeys, type TokenTypes } from "../../profile/model/profile.ts";
import { parseStrictObject } from "../claims/strict-json.ts";
import { type Rejection, reject, type Step } from "../rejection.ts";
import { tokenIdOf } from "../token-id.ts";
import type { Signed, VerifiedCache } from "./cache.ts";
import type { Presented } from "./carriers.ts";
import { type Compact, splitCompact } from "./compact.ts";
import { checkParameters, type Header, readHeader, readKid } from "./header.ts";

/**
 * Checks the form of a token, which keys may have signed it, and the signature. `now` in Unix milliseconds. For a token
 * in the cache it skips parsing and the signature, if the key that verified it is still allowed.
 */
export function checkSignature(
  presented: Presented,
  profile: Profile,
  keys: TokenKeys,
  now: number,
  cache: VerifiedCache,
): Step<Signed> {
  const { token, maxLength } = presented;
  const known = token.length <= maxLength ? cache.get(token) : undefined;
  if (known !== undefined) {
    const allowed = allowedKeys(known.header, profile, keys, now);
    if (allowed.rejection) return allowed;
    if (allowed.ok.includes(known.key)) return { ok: known };
  }
  const signed = readSigned(presented, profile, keys, now);
  if (signed.rejection === undefined && signed.ok.payload !== undefined) cache.put(token, signed.ok);
  return signed;
}

function readSigned({ token, maxLength }: Presented, profile: Profile, keys: TokenKeys, now: number): Step<Signed> {
  const split = splitCompact(token, maxLength);
  if (split.rejection) return split;
  const compact = split.ok;
  const header = readHeader(compact.header);
  if (header.rejection) return header;
  const allowed = allowedKeys(header.ok, profile, keys, now);
  if (allowed.rejection) return allowed;
  const key = allowed.ok.find((key) => key.verify(compact.signingInput, compact.signature));
  if (key === undefined) return badSignature(compact, keys, now);
  const payload = parseStrictObject(compact.payload);
  return { ok: { header: header.ok, payload, tokenId: tokenIdOf(payload?.jti, compact.signingInput), key } };
}

/** The keys that may have signed a token with this header. */
function allowedKeys(
  header: Header,
  { header: expected, keys: source }: Profile,
  keys: TokenKeys,
  now: number,
): Step<readonly VerifyingKey[]> {
  const unexpected = checkParameters(header, expected);
  if (unexpected) return { rejection: unexpected };
  const kid = readKid(header, expected);
  if (kid.rejection) return kid;
  const found = keysNamed(kid.ok, keys, now);
  if (found.rejection) return found;
  // RFC 8725, 3.1: the profile and the key decide the algorithm. A token that names another one tries to pass a public
  // key off as a secret.
  const allowed = found.ok.filter(({ alg }) => alg === header.alg && allowsAlgorithm(source, alg));
  if (allowed.length === 0) return reject("ALGORITHM_NOT_ALLOWED", algorithmFault(header.alg, found.ok, source));
  if (!expected.types.accepts(header.typ)) return reject("TYPE_MISMATCH", `typ must be ${namesOf(expected.types)}`);
  return { ok: allowed };
}

/** The one key that the token names. Where the profile's tokens name none: every key that verifies now. */
function keysNamed(kid: string | undefined, keys: TokenKeys, now: number): Step<readonly VerifyingKey[]> {
  if (kid === undefined) {
    const all = keys.verifiers(now);
    return all.length > 0 ? { ok: all } : reject("UNKNOWN_KEY", "the profile has no known key");
  }
  const found = keys.verifier(kid, now);
  if (found.state === "unknown") return reject("UNKNOWN_KEY", "no key of the profile has this kid");
  if (found.state === "retired") return reject("KEY_RETIRED", "the key no longer verifies");
  if (found.state === "revoked") return reject("KEY_REVOKED", "the key was revoked");
  return { ok: [found.key] };
}

function namesOf({ accepted }: TokenTypes): string {
  return accepted.map((typ) => typ ?? "absent").join(" or ");
}

/** Names each algorithm once, so that a client can't count the secrets that overlap. */
function algorithmFault(alg: string, keys: readonly VerifyingKey[], source: ProfileKeys): string {
  const isImported = source.kind === "imported";
  if (isImported && source.algorithms.some((allowed) => allowed === alg))
    return "the token's key has another algorithm";
  const allowed = isImported ? source.algorithms : new Set(keys.map(({ alg }) => alg));
  return `only ${[...allowed].join(" or ")} is allowed here`;
}

function badSignature(
  { signingInput, signature }: Compact,
  keys: TokenKeys,
  now: number,
): { readonly rejection: Rejection } {
  const reading = keys.otherReading(signingInput, signature, now);
  const diagnosis = reading && `verifies if the secret is read as ${reading}`;
  return reject("BAD_SIGNATURE", "the signature does not match the token", diagnosis);
}
