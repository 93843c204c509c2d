/** JOSE algorithms of rotating keysets (RFC 7518, 3.1; RFC 8037). */
export const KEYSET_ALGORITHMS = ["EdDSA", "ES256", "RS256", "PS256"] as const;
export type KeysetAlgorithm = (typeof KEYSET_ALGORITHMS)[number];

/** JOSE algorithms of symmetric keys (RFC 7518, 3.2), which are always imported. */
const MAC_ALGORITHMS = ["HS256", "HS384", "HS512"] as const;
export type MacAlgorithm = (typeof MAC_ALGORITHMS)[number];

/** JOSE algorithms of imported keys: a secret that a vendor shares, or the vendor's private key. */
export const ALGORITHMS = [...MAC_ALGORITHMS, ...KEYSET_ALGORITHMS] as const;
/** JOSE algorithm of any key. */
export type Algorithm = (typeof ALGORITHMS)[number];

export function isMac(alg: Algorithm): alg is MacAlgorithm {
  return MAC_ALGORITHMS.some((one) => one === alg);
}

/**
 * JOSE algorithms with which other issuers sign the tokens of callers: asymmetric ones alone, since a shared secret
 * that verifies can also sign.
 */
export const ISSUER_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
] as const;
export type IssuerAlgorithm = (typeof ISSUER_ALGORITHMS)[number];

/** A public key as a JWK (RFC 7517; RFC 7518, 6; RFC 8037), without `kid`, `alg` and `use`. */
export type PublicJwk =
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string }
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
  | { readonly kty: "RSA"; readonly n: string; readonly e: string };

/** When and why a key was revoked. A revoked key has no private key and verifies nothing. */
export interface Revoked {
  /** Unix milliseconds. */
  readonly at: number;
  /** 1 to 256 bytes, as the operator gave it. */
  readonly reason: string;
}

/** The stage of a key's life: see {@link keyState}. */
export type KeyState = "standby" | "published" | "active" | "retired" | "removed" | "revoked";

/** How the text of a secret becomes bytes (RFC 4648). */
export type SecretEncoding = "utf8" | "base64" | "base64url" | "hex";
