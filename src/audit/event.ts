import { CodedError } from "../coded-error.ts";

/** What happened, before the log gives it its place in the chain. Times are Unix milliseconds. */
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
      /** Empty: the call had none. */
      readonly requestId: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      /** Whether the token lives longer than the profile's tokens do without an explicit wish. */
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
      /** Empty: those of a subject. */
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
      /** Empty: nobody asked for it. */
      readonly caller: string;
    }
  | {
      readonly type: "key.imported";
      readonly profile: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      readonly keyId: string;
      readonly caller: string;
      readonly byteLength: number;
      readonly fingerprint: string;
      readonly allowedWeak: boolean;
      /** Undefined: there was no secret before it. */
      readonly overlapUntil: number | undefined;
    }
  | {
      readonly type: "key.revoked";
      /** Empty for an imported secret. */
      readonly keyset: string;
      /** Empty for a key of a keyset, as the tenant is. */
      readonly profile: string;
      readonly tenant: string;
      readonly keyId: string;
      /** Empty: no key signs any more. */
      readonly signingKeyId: string;
      readonly keysetEpoch: number;
      readonly caller: string;
      readonly reason: string;
    }
  | { readonly type: "configuration.changed"; readonly configHash: string; readonly profiles: readonly string[] }
  | { readonly type: "service.started"; readonly version: string; readonly configHash: string }
  | { readonly type: "service.stopped"; readonly reason: string };

/** Where an event stands: (writer, epoch, seq) orders a writer's events, `prevHash` links their bodies. */
export interface Place {
  readonly writer: string;
  readonly epoch: number;
  readonly seq: number;
  /** SHA-256 of the body before this one; empty for the first that the writer ever wrote. */
  readonly prevHash: Uint8Array;
}

/** What happened, and when. */
export type TimedEvent = readonly [AuditEvent, number];

/** The log of what happened. */
export interface AuditLog {
  /**
   * Resolves when the event is on stable storage, in one group commit with what else is waiting. Rejects with an
   * {@link AuditError} when it is not there: what the event tells of must then not become visible.
   */
  append(event: AuditEvent, time: number): Promise<void>;
}

/**
 * FULL: the spool's limit for such events is reached. UNAVAILABLE: the storage failed, or the log is closed. CORRUPT: what is stored is
 * damaged elsewhere than at its torn end; the message names the file and the offset.
 */
export type AuditErrorCode = "FULL" | "UNAVAILABLE" | "CORRUPT";

export class AuditError extends CodedError<AuditErrorCode> {}
