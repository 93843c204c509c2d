import { createRemoteJWKSet, jwtVerify } from "jose";

/** A verifier that is not Signet's: it knows the JWKS alone, and rejects with jose's error. */
export type ForeignVerifier = (token: string) => Promise<unknown>;

/**
 * A verifier that keeps what it fetched for `cacheMs` whatever comes, an unknown kid too: the most careless one that the
 * rotation's bounds allow for.
 */
export function foreignVerifier(jwksUrl: string, cacheMs: number): ForeignVerifier {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { cacheMaxAge: cacheMs, cooldownDuration: cacheMs });
  return (token) =>
    jwtVerify(token, keys, { algorithms: ["EdDSA"], typ: "at+jwt", audience: "api", clockTolerance: 60 });
}
