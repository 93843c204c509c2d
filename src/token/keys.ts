/** A key that may sign at this moment. */
export interface SigningKey {
  /** First 16 characters of the RFC 7638 thumbprint. */
  readonly kid: string;
  /** The one JOSE algorithm of the key. */
  readonly alg: string;
  /** Unix milliseconds from which on no verifier takes the key any more. */
  readonly verifyUntil: number;
  sign(signingInput: Buffer): Buffer;
}

/** The public half of a key. */
export interface VerifyingKey {
  readonly kid: string;
  readonly alg: string;
  verify(signingInput: Buffer, signature: Buffer): boolean;
}

/** What a keyset knows of a kid. */
export type KeyLookup =
  | { readonly state: "ok"; readonly key: VerifyingKey }
  | { readonly state: "retired" }
  | { readonly state: "unknown" };

/** The keys of one keyset as issuing and verifying see them. Both are called for every token: they answer from memory. */
export interface TokenKeys {
  /** The version of the keyset that answers; it only grows. */
  readonly epoch: number;
  /** The key that signs at `now`, or undefined when none may: then nothing is issued. */
  signer(now: number): SigningKey | undefined;
  verifier(kid: string, now: number): KeyLookup;
  /**
   * Asks the store for keys that are newer than what is in memory. Undefined when there is no need to wait; rejects when
   * the store can't be read.
   */
  reload(): Promise<void> | undefined;
  /** Takes a key out of signing for as long as the process lives, because it signed what its public half rejects. */
  distrust(kid: string): void;
}
