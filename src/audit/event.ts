import { CodedError } from "../coded-error.ts";

/**
 * An event as callers append it, before the log gives it an id and its place in the chain. Times are Unix milliseconds.
 */
export type AuditEvent =
  | {
      readonly type: "token.issued";
      readonly profile: string;
      readonly tokenId: string;
      readonly keyId: string;
      readonly caller: string;
      /** Empty where the token names no subject. */
      readonly subjectHash: string;
      readonly audience: readonly string[];
      readonly issuedAt: number;
      readonly expiresAt: number | undefined;
      /** Empty when the call had none. */
      readonly requestId: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      /** Whether the token has the profile's extended lifetime, because the request asked for it. */
      readonly extended: boolean;
    }
  | {
      readonly type: "token.denied";
      readonly profile: string;
      readonly caller: string;
      readonly reason: string;
      readonly count: number;
    }
  | {
      readonly type: "token.revoked";
      readonly profile: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      /** Empty when the tokens of a subject are revoked. */
      readonly tokenIds: readonly string[];
      readonly subjectHash: string;
      readonly issuedBefore: number | undefined;
      readonly caller: string;
      readonly reason: string;
      readonly until: number;
    }
  | {
      readonly type: "key.rotated";
      readonly keyset: string;
      readonly keysetEpoch: number;
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly reason: string;
      /** Empty when no caller asked for it. */
      readonly caller: string;
    }
  | {
      readonly type: "key.imported";
      readonly profile: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      readonly keyId: string;
      readonly caller: string;
      readonly algorithm: string;
      readonly byteLength: number;
      readonly fingerprint: string;
      readonly allowedWeak: boolean;
      /** Undefined when there was no earlier secret. */
      readonly overlapUntil: number | undefined;
    }
  | {
      readonly type: "key.revoked";
      /** Empty for an imported secret. */
      readonly keyset: string;
      /** Empty for a key of a keyset, as is the tenant. */
      readonly profile: string;
      readonly tenant: string;
      readonly keyId: string;
      /** Empty when no key is left to sign. */
      readonly signingKeyId: string;
      readonly keysetEpoch: number;
      readonly caller: string;
      readonly reason: string;
    }
  | {
      readonly type: "configuration.changed";
      readonly configHash: string;
      readonly profiles: readonly string[];
      /** The profiles that the configuration takes out of service, and those that a file of the operator replaces. */
      readonly disabled: readonly string[];
      readonly replaced: readonly string[];
    }
  | {
      readonly type: "service.started";
      readonly version: string;
      readonly configHash: string;
      /** What was missing from the data folder, as the operator named it. */
      readonly acceptedLosses: readonly string[];
    }
  | { readonly type: "service.stopped"; readonly reason: string };

/** An event's place in its writer's chain: (writer, epoch, seq) orders the events, `prevHash` links their bodies. */
export interface Place {
  readonly writer: string;
  readonly epoch: number;
  readonly seq: number;
  /** SHA-256 of the previous body; empty for the first event that the writer ever wrote. */
  readonly prevHash: Uint8Array;
}

/** An event and its time in Unix milliseconds. */
export type TimedEvent = readonly [AuditEvent, number];

export interface AuditLog {
  /**
   * Resolves when the event is on stable storage, in one group commit with other waiting events. Rejects with an
   * {@link AuditError} when it is not: the action that the event records must then not become visible.
   */
  append(event: AuditEvent, time: number): Promise<void>;
}

/**
 * FULL: the spool has reached its limit for events of this type. TOO_LARGE: no spool takes an event of this size.
 * UNAVAILABLE: the storage failed, or the log is closed. CORRUPT: stored events are missing, or damaged elsewhere than
 * at a torn end; the message names the file and the offset, or the events.
 */
export type AuditErrorCode = "FULL" | "TOO_LARGE" | "UNAVAILABLE" | "CORRUPT";

export class AuditError extends CodedError<AuditErrorCode> {}
