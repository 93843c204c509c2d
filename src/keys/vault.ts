import type { SecretOwner } from "./imported/secret.ts";
import type { Algorithm, KeysetAlgorithm, PublicJwk } from "./model.ts";
import type { KeyRecord } from "./rotating/record.ts";

/** Called with the kid of a key for each signature that it makes. It MUST be fast and not throw. */
export type OnSigned = (kid: string) => void;

/** A private key that is ready to sign. Synchronous: it is called for every token. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  /** The length of every signature. */
  readonly signatureBytes: number;
  sign(data: Buffer): Buffer;
  /** Ends the private key, and overwrites it if it lies in memory of its own. It MUST NOT sign any more. */
  destroy(): void;
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

/** Names a secret: its owner, its kid, and the one algorithm that it is used with. */
interface SecretId extends SecretOwner {
  readonly kid: string;
  readonly alg: Algorithm;
}

/** The text of a vendor's private key: one block of PEM, or the members of a JWK. */
export type PrivateKeyText =
  | { readonly form: "pem"; readonly pem: string }
  | { readonly form: "jwk"; readonly jwk: Readonly<Record<string, unknown>> };

/** A vendor's private key that was tested. The caller overwrites `pkcs8` after use. */
export interface PrivateKey {
  readonly pkcs8: Buffer;
  /** The length of the modulus, or of the curve's order. */
  readonly byteLength: number;
  readonly publicJwk: PublicJwk;
}

/** An imported key that is open. Undefined: it is symmetric. */
export type ImportedKey = SigningKey & VerifyingKey & { readonly publicJwk: PublicJwk | undefined };

/** Seals, opens and uses imported secrets. Only implementations know cryptography. */
export interface SecretVault {
  /** Seals the text under the current KEK, bound to this secret, so that it can't be opened as another one. */
  seal(text: string, id: SecretId): Promise<string>;
  /**
   * The text. Throws the KeyringErrors WRONG_KEK, DAMAGED_KEY, and SWAPPED_KEY when it was sealed for another secret.
   */
  open(sealed: string, id: SecretId): string;
  /**
   * 16 characters that show whether two secrets are equal. Of a symmetric key an HMAC under the current KEK, which
   * shows nothing else; of a private key the RFC 7638 thumbprint of its public key.
   */
  fingerprint(alg: Algorithm, bytes: Buffer): string;
  /**
   * The key with these bytes, which it overwrites: PKCS#8 for a private key. Throws the KeyringErrors DAMAGED_KEY, and
   * KEY_MISMATCH when a private key is none of this algorithm or its public key rejects what it signs.
   */
  key(kid: string, alg: Algorithm, bytes: Buffer): ImportedKey;
  /** Reads a vendor's private key, or returns why it can't be used, as the end of a sentence that begins with "it". */
  readPrivateKey(text: PrivateKeyText, alg: KeysetAlgorithm): PrivateKey | string;
}
