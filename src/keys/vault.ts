import type { SecretOwner } from "./imported/secret.ts";
import type { Algorithm, KeysetAlgorithm, PublicJwk } from "./model.ts";
import type { KeyRecord } from "./rotating/record.ts";

/** A private key that is ready to sign. Synchronous: it is called for every token. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  sign(data: Buffer): Buffer;
}

/** A public key that is ready to verify. */
export interface VerifyingKey {
  readonly kid: string;
  readonly alg: Algorithm;
  /** False for anything but a signature of these bytes; never throws. */
  verify(data: Buffer, signature: Buffer): boolean;
}

/** A new key pair, its private key sealed for its keyset. */
export interface MadeKey {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  readonly sealed: string;
}

/** Makes and opens the keys of rotating keysets. Only implementations know cryptography. */
export interface KeyMaker {
  /** A pair from fresh randomness. */
  make(keyset: string, alg: KeysetAlgorithm): Promise<MadeKey>;
  /**
   * Opens the sealed private key. MUST throw a KeyringError: WRONG_KEK, DAMAGED_KEY, SWAPPED_KEY when it was sealed for
   * another keyset, kid or algorithm, KEY_MISMATCH when it does not belong to the record's public key.
   */
  open(keyset: string, key: KeyRecord): Promise<SigningKey>;
  /** Seals the private key under the current KEK. Throws as `open` does when it can't be opened. */
  reseal(keyset: string, key: KeyRecord & { readonly sealed: string }): Promise<string>;
  /**
   * Imports the public key as a verifier does: from the JWK alone. Throws KEY_MISMATCH when the JWK is not a key of the
   * algorithm.
   */
  verifying(key: Pick<KeyRecord, "kid" | "alg" | "publicJwk">): VerifyingKey;
}

/** Names a secret: its owner and its kid. */
export interface SecretId extends SecretOwner {
  readonly kid: string;
}

/** Seals, opens and uses imported secrets. Only implementations know cryptography. */
export interface SecretVault {
  /** Seals the text under the current KEK, bound to this secret, so that it can't be opened as another one. */
  seal(text: string, id: SecretId): Promise<string>;
  /**
   * The text. Throws the KeyringErrors WRONG_KEK, DAMAGED_KEY, and SWAPPED_KEY when it was sealed for another secret.
   */
  open(sealed: string, id: SecretId): string;
  /** Shows whether two secrets are equal, and nothing else: 16 characters of an HMAC under the current KEK. */
  fingerprint(bytes: Buffer): string;
  /** The HS256 key with these bytes, which it overwrites. */
  key(kid: string, bytes: Buffer): SigningKey & VerifyingKey;
}
