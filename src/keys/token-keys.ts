import type { PublishedKey } from "./key-history.ts";
import type { SecretEncoding } from "./model.ts";
import type { SigningKey, VerifyingKey } from "./vault.ts";

/** A key that may sign, and the Unix milliseconds from which on nothing that it signed verifies. */
export type ActiveKey = SigningKey & PublishedKey & { readonly verifyUntil: number };

/** What is known of a kid. retired: the time in which it verifies is over. */
export type FoundKey =
  | { readonly state: "ok"; readonly key: VerifyingKey }
  | { readonly state: "retired" }
  | { readonly state: "revoked" }
  | { readonly state: "unknown" };

/**
 * The keys of one profile and tenant as issuing and verifying see them: a rotating keyset, or imported secrets. All
 * members but `reload` are called for each token and answer from memory. Times in Unix milliseconds.
 */
export interface TokenKeys {
  /** The version of the keys. It only grows. */
  readonly epoch: number;
  /** The key that signs now; undefined while none may. */
  signer(now: number): ActiveKey | undefined;
  verifier(kid: string, now: number): FoundKey;
  /** All keys that verify now, the newest first: for tokens without a kid. */
  verifiers(now: number): readonly VerifyingKey[];
  /**
   * Reads the store again, shared and rate-limited. Rejects when it can't be read, or not within 250 ms. Undefined when
   * it was read a moment ago.
   */
  reload(): Promise<void> | undefined;
  /** Stops signing with a key whose own verifying key rejected its signature. */
  distrust(kid: string): void;
  /** For diagnosis: the encoding under which the text of an imported secret, decoded differently, verifies this. */
  otherReading(data: Buffer, signature: Buffer, now: number): SecretEncoding | undefined;
}
