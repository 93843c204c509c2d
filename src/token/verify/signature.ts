import type { TokenKeys } from "../../keys/token-keys.ts";
import type { VerifyingKey } from "../../keys/vault.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { parseStrictObject } from "../claims/strict-json.ts";
import { type Rejection, reject, type Step } from "../rejection.ts";
import { tokenIdOf } from "../token-id.ts";
import type { Signed, VerifiedCache } from "./cache.ts";
import { type Compact, splitCompact } from "./compact.ts";
import { type Header, isType, readHeader, readKid } from "./header.ts";

/** A token as it was shown. `maxLength` in characters. */
interface Shown {
  readonly token: string;
  readonly maxLength: number;
}

/**
 * Checks what a token looks like, which keys may have signed it, and the signature. `now` in Unix milliseconds. A token of
 * the cache is spared the reading and the signature alone, and the latter only while its key is the very one that verified it.
 */
export function checkSignature(
  { token, maxLength }: Shown,
  profile: Profile,
  keys: TokenKeys,
  now: number,
  cache: VerifiedCache,
): Step<Signed> {
  const known = token.length <= maxLength ? cache.get(token) : undefined;
  if (known !== undefined) {
    const fitting = fittingKeys(known.header, profile, keys, now);
    if (fitting.rejection) return fitting;
    if (fitting.ok.includes(known.key)) return { ok: known };
  }
  const signed = readSigned({ token, maxLength }, profile, keys, now);
  if (signed.rejection === undefined && signed.ok.payload !== undefined) cache.put(token, signed.ok);
  return signed;
}

function readSigned({ token, maxLength }: Shown, profile: Profile, keys: TokenKeys, now: number): Step<Signed> {
  const split = splitCompact(token, maxLength);
  if (split.rejection) return split;
  const compact = split.ok;
  const header = readHeader(compact.header);
  if (header.rejection) return header;
  const fitting = fittingKeys(header.ok, profile, keys, now);
  if (fitting.rejection) return fitting;
  const key = fitting.ok.find((key) => key.verify(compact.signingInput, compact.signature));
  if (key === undefined) return badSignature(compact, keys, now);
  const payload = parseStrictObject(compact.payload);
  return { ok: { header: header.ok, payload, tokenId: tokenIdOf(payload?.jti, compact.signingInput), key } };
}

/** The keys that may have signed a token with this header. */
function fittingKeys(
  header: Header,
  { header: expected }: Profile,
  keys: TokenKeys,
  now: number,
): Step<readonly VerifyingKey[]> {
  const kid = readKid(header, expected);
  if (kid.rejection) return kid;
  const found = candidates(kid.ok, keys, now);
  if (found.rejection) return found;
  // RFC 8725, 3.1: the algorithm is the key's. A token that names another tries to have a public key used as a secret.
  const fitting = found.ok.filter((key) => key.alg === header.alg);
  if (fitting.length === 0) return reject("ALGORITHM_NOT_ALLOWED", `only ${algorithmsOf(found.ok)} is allowed here`);
  if (!isType(header.typ, expected.typ))
    return reject("TYPE_MISMATCH", expected.typ ? `typ must be ${expected.typ}` : "typ must be absent");
  return { ok: fitting };
}

/** The one key that the token names, or where the profile's tokens name none, all that verify now. */
function candidates(kid: string | undefined, keys: TokenKeys, now: number): Step<readonly VerifyingKey[]> {
  if (kid === undefined) {
    const all = keys.verifiers(now);
    return all.length > 0 ? { ok: all } : reject("UNKNOWN_KEY", "no key is known for the profile");
  }
  const found = keys.verifier(kid, now);
  if (found.state === "unknown") return reject("UNKNOWN_KEY", "no key of the profile has this kid");
  if (found.state === "retired") return reject("KEY_RETIRED", "the key's time to verify is over");
  if (found.state === "revoked") return reject("KEY_REVOKED", "the key was revoked");
  return { ok: [found.key] };
}

/** Each once: how many secrets overlap is nobody's business. */
function algorithmsOf(keys: readonly VerifyingKey[]): string {
  return [...new Set(keys.map(({ alg }) => alg))].join(" or ");
}

function badSignature(
  { signingInput, signature }: Compact,
  keys: TokenKeys,
  now: number,
): { readonly rejection: Rejection } {
  const reading = keys.otherReading(signingInput, signature, now);
  const diagnosis = reading && `verifies if the secret is read as ${reading}`;
  return reject("BAD_SIGNATURE", "the signature does not fit the token", diagnosis);
}
