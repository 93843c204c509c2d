import type { SecretOwner } from "./imported/secret.ts";
import type { Algorithm, KeysetAlgorithm, PublicJwk } from "./model.ts";
import type { KeyRecord } from "./rotating/record.ts";

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

/** Which secret: its owner and its kid. */
export interface SecretId extends SecretOwner {
  readonly kid: string;
}

/** Seals, opens and uses secrets. All that knows cryptography stands behind it. */
export interface SecretVault {
  /** Seals the text under the current KEK. It opens as no other secret. */
  seal(text: string, id: SecretId): Promise<string>;
  /** The text. Throws the KeyringErrors WRONG_KEK, DAMAGED_KEY, and SWAPPED_KEY when it was sealed for another secret. */
  open(sealed: string, id: SecretId): string;
  /** Tells whether two secrets are equal, and nothing else: 16 characters of an HMAC under the current KEK. */
  fingerprint(bytes: Buffer): string;
  /** The key of HS256 that the bytes are. It overwrites them. */
  key(kid: string, bytes: Buffer): SigningKey & VerifyingKey;
}
