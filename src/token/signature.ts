import type { Profile } from "../profile/profile.ts";
import { type Compact, splitCompact } from "./compact.ts";
import { type Header, isType, readHeader } from "./header.ts";
import type { TokenKeys, VerifyingKey } from "./keys.ts";
import { type Rejection, reject, type Step } from "./rejection.ts";

/** A token whose signature is good. What its payload says is not looked at yet. */
export interface Signed {
  readonly compact: Compact;
  readonly key: VerifyingKey;
}

/**
 * Checks what a token looks like, which keys may have signed it, and the signature. `maxLength` in characters, `now` in
 * Unix milliseconds.
 */
export function checkSignature(
  token: string,
  maxLength: number,
  { header: expected }: Profile,
  keys: TokenKeys,
  now: number,
): Step<Signed> {
  const split = splitCompact(token, maxLength);
  if (split.rejection) return split;
  const compact = split.ok;
  const read = readHeader(compact.header, expected);
  if (read.rejection) return read;
  const { alg, typ } = read.ok;
  const found = candidates(read.ok, keys, now);
  if (found.rejection) return found;
  // RFC 8725, 3.1: the algorithm is the key's. A token that names another tries to have a public key used as a secret.
  const fitting = found.ok.filter((key) => key.alg === alg);
  if (fitting.length === 0)
    return reject("ALGORITHM_NOT_ALLOWED", `this key takes only ${found.ok.map((key) => key.alg).join(", ")}`);
  if (!isType(typ, expected.typ))
    return reject("TYPE_MISMATCH", expected.typ ? `typ must be ${expected.typ}` : "typ must be absent");
  const key = fitting.find((key) => key.verify(compact.signingInput, compact.signature));
  return key === undefined ? badSignature(compact, keys, now) : { ok: { compact, key } };
}

/** The one key that the token names, or where the profile's tokens name none, all that verify now. */
function candidates({ kid }: Header, keys: TokenKeys, now: number): Step<readonly VerifyingKey[]> {
  if (kid === undefined) {
    const all = keys.verifiers(now);
    return all.length > 0 ? { ok: all } : reject("UNKNOWN_KEY", "no key is known for the profile");
  }
  const found = keys.verifier(kid, now);
  if (found.state === "unknown") return reject("UNKNOWN_KEY", "no key of the profile has this kid");
  if (found.state === "retired") return reject("KEY_RETIRED", "the key's time to verify is over");
  return { ok: [found.key] };
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
