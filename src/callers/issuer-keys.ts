import { CodedError } from "../coded-error.ts";
import type { IssuerAlgorithm } from "../keys/model.ts";

/** Whether the signature of a JWS in compact serialisation is good. */
export type VerifyCompact = (token: string) => Promise<boolean>;

/**
 * Imports a public key (RFC 7517) for one algorithm. MUST reject with an Error for anything but a key of this
 * algorithm, and for an RSA key of less than 2048 or more than 8192 bits; its message is the end of a sentence that
 * begins with "it". MUST NOT accept another `alg` in the header of a token.
 */
export type ImportKey = (jwk: Readonly<Record<string, unknown>>, alg: IssuerAlgorithm) => Promise<VerifyCompact>;

/** A public key of an issuer. It is the same object for as long as the issuer publishes the same key. */
export interface IssuerKey {
  readonly verifiers: ReadonlyMap<string, VerifyCompact>;
  /** The JWK as it was read, to be compared. */
  readonly text: string;
}

/** The keys of one issuer, as they are known now. */
export interface IssuerKeys {
  /** Undefined for an unknown `kid`, and for all where the keys are unknown, or too old to count. */
  find(kid: string): IssuerKey | undefined;
  /**
   * Reads the keys again, shared and rate-limited. Rejects when they can't be read. Undefined when they were read a
   * moment ago, or are sent whenever they change.
   */
  reload(): Promise<void> | undefined;
}

/**
 * NOT_A_JWKS: the document is something else. NO_KEY: none of its keys may verify. LATE: it was not read in time.
 * Messages hold nothing of the document but the ids of keys.
 */
export class IssuerKeysError extends CodedError<"NOT_A_JWKS" | "NO_KEY" | "LATE"> {}
