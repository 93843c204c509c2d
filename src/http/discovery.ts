import type { Profile } from "../profile/model/profile.ts";

/** Where the metadata of an issuer is: RFC 8414, 3, and OpenID Connect Discovery 1.0, 4. */
const WELL_KNOWN: readonly string[] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

/**
 * The keyset that is discovered. Metadata has one `jwks_uri` for an issuer. That of all keysets would make a token for
 * somebody's browser as good as one of a service for verifiers that look at issuer and signature alone.
 */
const KEYSET = "service";

/**
 * By what a resource server finds the keys from the issuer's name alone, as JSON (RFC 8414, 2). Undefined: no profile
 * that is served signs under this issuer with the keyset `service`, so there is nothing to find.
 *
 * Signet has no authorization and no token endpoint over HTTP, supports no response type and no grant type, and a
 * member without a value is left out (RFC 8414, 3.2). What is left describes the tokens.
 */
export function issuerMetadata(issuer: string, profiles: Iterable<Profile>): string | undefined {
  for (const { issuer: ofTokens, keys } of profiles) {
    if (ofTokens !== issuer || keys.kind !== "keyset" || keys.keyset !== KEYSET) continue;
    return JSON.stringify({
      // All clients compare it with the name that they were given (RFC 8414, 3.3).
      issuer,
      jwks_uri: `${issuer.replace(/\/+$/, "")}/keysets/${KEYSET}/jwks.json`,
      // OpenID Connect requires it, and Nimbus reads no metadata without. Every audience sees the same `sub`.
      subject_types_supported: ["public"],
      // Signet issues no ID tokens, but go-oidc accepts no other algorithm for any token, and RS256 without this
      // member.
      id_token_signing_alg_values_supported: [keys.algorithm],
    });
  }
  return undefined;
}

/** Whether metadata is at the path, below the issuer. */
export function isWellKnown(path: string): boolean {
  return WELL_KNOWN.includes(path);
}

/**
 * The path of a request without the path of the issuer. RFC 8414, 3.1 has it after the well-known part; OpenID Connect
 * and Nimbus have it before; a proxy may have removed it.
 */
export function belowIssuer(path: string, issuer: string): string {
  const prefix = issuer.replace(/^https?:\/\/[^/]*/, "").replace(/\/+$/, "");
  if (prefix === "") return path;
  const inserted = WELL_KNOWN.find((place) => path === place + prefix);
  if (inserted !== undefined) return inserted;
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path;
}
