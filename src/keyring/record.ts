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

/** Stands for "no such time yet" and sorts after every time: the largest one that a Date can hold. */
export const NEVER = 8_640_000_000_000_000;

/**
 * Absolute times in Unix milliseconds, each the first moment of what it names. They are fixed when the key is given a time
 * to sign; until then, as the standby, all but `publishAt` are {@link NEVER}.
 */
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
  /** The epoch that listed it first: whoever holds that one, or a later one, verifies with the key. */
  readonly since: number;
  /** The sealed private half. Gone once the key has signed for the last time. */
  readonly sealed?: string;
  /** Absent: it was not taken back. */
  readonly revoked?: Revoked;
}

/** When and why a key was taken back. It has no private half and verifies nothing any more. */
export interface Revoked {
  /** Unix milliseconds. */
  readonly at: number;
  /** 1 to 256 bytes, as the operator told. */
  readonly reason: string;
}

/**
 * Why an epoch was made. first: the keyset is new. scheduled: the next key was due. lapsed: no key could sign any more.
 * retired: a private half had signed for the last time and was dropped. standby: there was none. manual: an operator
 * brought the next key forward. emergency: a key was revoked.
 */
export const epochReasons = ["first", "scheduled", "lapsed", "retired", "standby", "manual", "emergency"] as const;
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
