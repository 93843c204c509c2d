/** JOSE algorithms of rotating keysets (RFC 7518, 3.1; RFC 8037). */
export const keysetAlgorithms = ["EdDSA", "ES256", "RS256", "PS256"] as const;
export type KeysetAlgorithm = (typeof keysetAlgorithms)[number];

/** JOSE algorithm of any key; imported secrets have HS256. */
export type Algorithm = KeysetAlgorithm | "HS256";

/** Public half as a JWK (RFC 7517; RFC 7518, 6; RFC 8037), without the members that the key's record tells. */
export type PublicJwk =
  | { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string }
  | { readonly kty: "EC"; readonly crv: "P-256"; readonly x: string; readonly y: string }
  | { readonly kty: "RSA"; readonly n: string; readonly e: string };

/** Absolute times in Unix milliseconds, fixed when the key is made. Each is the first moment of what it names. */
export interface KeyTimes {
  readonly publishAt: number;
  readonly signFrom: number;
  readonly signUntil: number;
  readonly verifyUntil: number;
}

export interface KeyRecord extends KeyTimes {
  /** First 16 characters of the RFC 7638 thumbprint. */
  readonly kid: string;
  readonly alg: KeysetAlgorithm;
  readonly publicJwk: PublicJwk;
  /** The sealed private half. Gone once the key has signed for the last time. */
  readonly sealed?: string;
}

/**
 * Why an epoch was made. first: the keyset is new. scheduled: the next key was due. lapsed: no key could sign any more.
 * retired: a private half had signed for the last time and was dropped.
 */
export const epochReasons = ["first", "scheduled", "lapsed", "retired"] as const;
export type EpochReason = (typeof epochReasons)[number];

/** One version of a keyset's ring. Immutable: every change is the record of the next epoch. It has at least one key. */
export interface EpochRecord {
  readonly version: 1;
  readonly keyset: string;
  /** 1, 2, 3 ...: the highest wins. */
  readonly epoch: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly reason: EpochReason;
  readonly keys: readonly KeyRecord[];
}
