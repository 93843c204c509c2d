/** JOSE algorithm of a keyset (RFC 7518, 3.1; RFC 8037). */
export type Algorithm = "EdDSA";

/** Public half as a JWK (RFC 7517), without the members that the key's record tells. */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
}

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
  readonly alg: Algorithm;
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
