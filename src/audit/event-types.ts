import type { AuditEvent } from "./event.ts";
import { flag, int32, int64, list, optionalTimestamp, text, timestamp } from "./proto-json.ts";

export type AuditEventType = AuditEvent["type"];

/** How one type of event is written. */
export interface EventType<Event> {
  /** The field of `signet.v1.AuditEvent` that holds such an event. */
  readonly field: string;
  /**
   * The canonical proto3 JSON of that field's message. Bodies are hashed, so the order of the members MUST NOT change.
   */
  encode(event: Event): object;
}

/** Every type of event. A new one is written here, in `event.ts` and in the contract. */
export const EVENT_TYPES: { readonly [Type in AuditEventType]: EventType<Extract<AuditEvent, { type: Type }>> } = {
  "token.issued": {
    field: "tokenIssued",
    encode: (event) => ({
      profile: text(event.profile),
      tokenId: text(event.tokenId),
      keyId: text(event.keyId),
      caller: text(event.caller),
      subjectHash: text(event.subjectHash),
      audience: list(event.audience),
      issuedAt: timestamp(event.issuedAt),
      expiresAt: optionalTimestamp(event.expiresAt),
      requestId: text(event.requestId),
      tenant: text(event.tenant),
      extended: flag(event.extended),
    }),
  },
  "token.denied": {
    field: "tokenDenied",
    encode: (event) => ({
      profile: text(event.profile),
      caller: text(event.caller),
      reason: text(event.reason),
      count: int64(event.count),
    }),
  },
  "token.revoked": {
    field: "tokenRevoked",
    encode: (event) => ({
      profile: text(event.profile),
      tenant: text(event.tenant),
      tokenIds: list(event.tokenIds),
      subjectHash: text(event.subjectHash),
      issuedBefore: optionalTimestamp(event.issuedBefore),
      caller: text(event.caller),
      reason: text(event.reason),
      until: timestamp(event.until),
    }),
  },
  "key.rotated": {
    field: "keyRotated",
    encode: (event) => ({
      keyset: text(event.keyset),
      keysetEpoch: int64(event.keysetEpoch),
      added: list(event.added),
      removed: list(event.removed),
      reason: text(event.reason),
      caller: text(event.caller),
    }),
  },
  "key.imported": {
    field: "keyImported",
    encode: (event) => ({
      profile: text(event.profile),
      tenant: text(event.tenant),
      keyId: text(event.keyId),
      caller: text(event.caller),
      byteLength: int32(event.byteLength),
      fingerprint: text(event.fingerprint),
      allowedWeak: flag(event.allowedWeak),
      overlapUntil: optionalTimestamp(event.overlapUntil),
      algorithm: text(event.algorithm),
    }),
  },
  "key.revoked": {
    field: "keyRevoked",
    encode: (event) => ({
      keyset: text(event.keyset),
      profile: text(event.profile),
      tenant: text(event.tenant),
      keyId: text(event.keyId),
      signingKeyId: text(event.signingKeyId),
      keysetEpoch: int64(event.keysetEpoch),
      caller: text(event.caller),
      reason: text(event.reason),
    }),
  },
  "configuration.changed": {
    field: "configurationChanged",
    encode: (event) => ({
      configHash: text(event.configHash),
      profiles: list(event.profiles),
      disabled: list(event.disabled),
      replaced: list(event.replaced),
    }),
  },
  "service.started": {
    field: "serviceStarted",
    encode: (event) => ({
      version: text(event.version),
      configHash: text(event.configHash),
      acceptedLosses: list(event.acceptedLosses),
    }),
  },
  "service.stopped": {
    field: "serviceStopped",
    encode: (event) => ({ reason: text(event.reason) }),
  },
};
