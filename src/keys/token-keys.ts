import type { SecretEncoding } from "./model.ts";
import type { ActiveKey, FoundKey } from "./rotating/loaded-ring.ts";
import type { VerifyingKey } from "./vault.ts";

export type { ActiveKey as SigningKey, FoundKey as KeyLookup } from "./rotating/loaded-ring.ts";
export type { VerifyingKey } from "./vault.ts";

/**
 * The keys of one profile and tenant as issuing and verifying see them: of a rotating keyset, or imported secrets. They
 * are asked for every token and answer from memory. Times in Unix milliseconds.
 */
export interface TokenKeys {
  /** The version of the keys. It only grows. */
  readonly epoch: number;
  /** The key that signs now; undefined while none may. */
  signer(now: number): ActiveKey | undefined;
  verifier(kid: string, now: number): FoundKey;
  /** All that verify now, the newest first: for tokens that name none. */
  verifiers(now: number): readonly VerifyingKey[];
  /** Reads the store again, shared and rate-limited, within 250 ms; undefined when it was read a moment ago. */
  reload(): Promise<unknown> | undefined;
  /** Takes a key out of signing: it signed what its own verifying half rejects. */
  distrust(kid: string): void;
  /** For an operator's diagnosis: which other reading of an imported secret's text verifies this. */
  otherReading(data: Buffer, signature: Buffer, now: number): SecretEncoding | undefined;
}
