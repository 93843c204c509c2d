import type { Algorithm } from "../keyring/record.ts";
import type { Profile } from "../profile/profile.ts";
import type { Draft } from "./draft.ts";
import type { SigningKey } from "./keys.ts";
import { invalidRequest } from "./problem.ts";

/** Signatures in base64url: 64 bytes, an RSA modulus of 2048 bits, a SHA-256. */
const SIGNATURE_LENGTH: Readonly<Record<Algorithm, number>> = {
  EdDSA: 86,
  ES256: 86,
  RS256: 342,
  PS256: 342,
  HS256: 43,
};

/**
 * What of a draft is signed: header and payload of a JWS in compact serialisation (RFC 7515, 7.1).
 *
 * @throws Problem INVALID_REQUEST when the token would be longer than what every carrier of its profile holds: it would be
 * born invalid.
 */
export function signingInput({ profile, claims }: Draft, key: SigningKey): string {
  const input = `${encodedHeader(profile, key)}.${Buffer.from(claims.text).toString("base64url")}`;
  const length = input.length + 1 + SIGNATURE_LENGTH[key.alg];
  if (length > profile.maxTokenLength) {
    const description = `are too much: the token has ${length} characters, the profile's carriers hold ${profile.maxTokenLength}`;
    throw invalidRequest([{ field: "claims", description }]);
  }
  return input;
}

/** The part of a token that is the same for every one of a profile and key. */
const headers = new WeakMap<Profile, { readonly kid: string; readonly text: string }>();

function encodedHeader(profile: Profile, { alg, kid }: SigningKey): string {
  const known = headers.get(profile);
  if (known?.kid === kid) return known.text;
  const { typ } = profile.header;
  const header = { alg, ...(typ === undefined ? {} : { typ }), ...(profile.header.kid === "absent" ? {} : { kid }) };
  const text = Buffer.from(JSON.stringify(header)).toString("base64url");
  headers.set(profile, { kid, text });
  return text;
}
