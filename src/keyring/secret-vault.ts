import type { SigningKey, VerifyingKey } from "./key-maker.ts";
import type { SecretOwner } from "./secret-record.ts";

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
