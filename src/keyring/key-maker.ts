import type { Algorithm, KeyRecord, KeysetAlgorithm, PublicJwk } from "./record.ts";

/** A private half that is ready to sign. Synchronous: it is called for every token. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  sign(data: Buffer): Buffer;
}

/** A public half that is ready to verify. */
export interface VerifyingKey {
  readonly kid: string;
  readonly alg: Algorithm;
  /** False for whatever is not the signature of these bytes; never throws. */
  verify(data: Buffer, signature: Buffer): boolean;
}

/** A new key pair, its private half sealed for its keyset. */
export interface MadeKey {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly sealed: string;
}

/** Makes and opens keys. All that knows cryptography stands behind it. */
export interface KeyMaker {
  /** A pair from fresh randomness. */
  make(keyset: string, alg: KeysetAlgorithm): Promise<MadeKey>;
  /**
   * Opens the sealed half of a key. MUST refuse with a KeyringError: WRONG_KEK, DAMAGED_KEY, SWAPPED_KEY when it was
   * sealed for another keyset, kid or algorithm, KEY_MISMATCH when its public half is not the record's.
   */
  open(keyset: string, key: KeyRecord): Promise<SigningKey>;
  /** The sealed half of a key that has one, under the current KEK. Refuses as `open` does what it can't open. */
  reseal(keyset: string, key: KeyRecord & { readonly sealed: string }): Promise<string>;
  /** Imports the public half as a verifier does: from the JWK alone. Throws KEY_MISMATCH when it is no key. */
  verifying(key: Pick<KeyRecord, "kid" | "alg" | "publicJwk">): VerifyingKey;
}
