import type { Algorithm } from "../../keys/model.ts";
import type { ActiveKey, TokenKeys } from "../../keys/token-keys.ts";
import { invalidRequest, Problem } from "../../problem/problem.ts";
import { allowsAlgorithm, type Profile } from "../../profile/model/profile.ts";
import type { Draft } from "./draft.ts";

/**
 * The signing input of a draft: header and payload of a JWS in compact serialisation (RFC 7515, 7.1).
 *
 * @throws Problem INVALID_REQUEST when the token would be too long for the profile's carriers, and so never valid.
 */
export function signingInput({ profile, claims }: Draft, key: ActiveKey): string {
  const input = `${encodedHeader(profile, key)}.${Buffer.from(claims.text).toString("base64url")}`;
  const length = input.length + 1 + Math.ceil((key.signatureBytes * 4) / 3);
  if (length > profile.maxTokenLength) {
    const description =
      `make the token too long: it would have ${length} characters, ` +
      `and the profile's carriers take at most ${profile.maxTokenLength}`;
    throw invalidRequest([{ field: "claims", description }]);
  }
  return input;
}

/**
 * The encoded header, which is the same for all tokens of a profile and key. Two tenants may have keys with one kid and
 * different algorithms.
 */
const headers = new WeakMap<Profile, { readonly kid: string; readonly alg: string; readonly text: string }>();

function encodedHeader(profile: Profile, { alg, kid }: ActiveKey): string {
  const known = headers.get(profile);
  if (known?.kid === kid && known.alg === alg) return known.text;
  const { typ, parameters } = profile.header;
  const own = { alg, ...(typ === undefined ? {} : { typ }), ...(profile.header.kid === "absent" ? {} : { kid }) };
  const header = { ...own, ...parameters };
  const text = Buffer.from(JSON.stringify(header)).toString("base64url");
  headers.set(profile, { kid, alg, text });
  return text;
}

/**
 * The key that signs a draft now.
 *
 * @throws Problem NO_SIGNING_KEY, KEY_NOT_IMPORTED, or TTL_BEYOND_KEY when the token would outlive a rotating key.
 */
export function signerFor(draft: Draft, keys: TokenKeys): ActiveKey {
  const { keys: source, tenant } = draft.profile;
  const found = keys.signer(draft.now);
  // The file of the profile may have changed since the import.
  const key = found !== undefined && allowsAlgorithm(source, found.alg) ? found : undefined;
  if (key === undefined)
    throw source.kind === "imported" ? notImported(source.algorithms, tenant !== undefined) : noSigningKey();
  if (source.kind === "keyset") requireWithin(key.verifyUntil, draft);
  return key;
}

/**
 * A key keeps the times of the configuration that created it. A lifetime that was raised since must wait for the next
 * key.
 */
function requireWithin(verifyUntil: number, { profile, issuedAt, expiresAt }: Draft): void {
  const { leeway, maxAge } = profile.lifetime;
  const end = expiresAt ?? issuedAt + (maxAge ?? 0);
  if ((end + leeway) * 1000 <= verifyUntil) return;
  const seconds = Math.floor(verifyUntil / 1000) - leeway - issuedAt;
  throw new Problem(
    "TTL_BEYOND_KEY",
    `the key that signs now allows at most ${seconds} seconds: ask for a shorter ttl`,
  );
}

function notImported(algorithms: readonly Algorithm[], perTenant: boolean): Problem {
  const owner = `this profile${perTenant ? " and tenant" : ""}`;
  return new Problem("KEY_NOT_IMPORTED", `no key for ${algorithms.join(" or ")} was imported for ${owner}`);
}

/** No key of the keyset may sign now. One may a moment later. */
export function noSigningKey(): Problem {
  return new Problem("NO_SIGNING_KEY", "no key may sign now", { retryAfterMs: 1_000 });
}
