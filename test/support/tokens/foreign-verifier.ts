import { createRemoteJWKSet, jwtVerify } from "jose";
import { HANGS_MS } from "../bounded.ts";

/** A verifier outside Signet. It knows only the JWKS, and rejects with the error of jose. */
export type ForeignVerifier = (token: string) => Promise<unknown>;

/**
 * A verifier that caches the JWKS for `cacheMs`, even if it meets an unknown kid: the worst one that the bounds of the
 * rotation allow.
 */
export function foreignVerifier(jwksUrl: string, cacheMs: number): ForeignVerifier {
  const options = { cacheMaxAge: cacheMs, cooldownDuration: cacheMs, timeoutDuration: HANGS_MS };
  const keys = createRemoteJWKSet(new URL(jwksUrl), options);
  return (token) =>
    jwtVerify(token, keys, { algorithms: ["EdDSA"], typ: "at+jwt", audience: "api", clockTolerance: 60 });
}
