import { createRemoteJWKSet, jwtVerify } from "jose";

/** A verifier outside Signet. It knows only the JWKS, and rejects with the error of jose. */
export type ForeignVerifier = (token: string) => Promise<unknown>;

/**
 * A verifier that caches the JWKS for `cacheMs`, even if it meets an unknown kid: the worst one that the bounds of the
 * rotation allow.
 */
export function foreignVerifier(jwksUrl: string, cacheMs: number): ForeignVerifier {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { cacheMaxAge: cacheMs, cooldownDuration: cacheMs });
  return (token) =>
    jwtVerify(token, keys, { algorithms: ["EdDSA"], typ: "at+jwt", audience: "api", clockTolerance: 60 });
}
