import type { AuditEvent, Place } from "./event.ts";

/**
 * The event's body: the canonical proto3 JSON of `signet.v1.AuditEvent` (int64 as strings, RFC 3339 times, base64,
 * defaults left out). Built by hand because one is made for every token: the generated codec costs several times as
 * much. A test holds it equal to the generated code and to an independent implementation.
 */
export function encodeEvent(id: string, time: number, place: Place, event: AuditEvent): Buffer {
  return Buffer.from(
    JSON.stringify({
      eventId: id,
      time: timestamp(time),
      writer: place.writer,
      epoch: int64(place.epoch),
      seq: int64(place.seq),
      prevHash: base64(place.prevHash),
      ...detail(event),
    }),
  );
}

function detail(event: AuditEvent): object {
  switch (event.type) {
    case "token.issued":
      return {
        tokenIssued: {
          profile: text(event.profile),
          tokenId: text(event.tokenId),
          keyId: text(event.keyId),
          caller: text(event.caller),
          subjectHash: text(event.subjectHash),
          audience: list(event.audience),
          issuedAt: timestamp(event.issuedAt),
          expiresAt: event.expiresAt === undefined ? undefined : timestamp(event.expiresAt),
          requestId: text(event.requestId),
          tenant: text(event.tenant),
          extended: event.extended || undefined,
        },
      };
    case "token.denied":
      return {
        tokenDenied: {
          profile: text(event.profile),
          caller: text(event.caller),
          reason: text(event.reason),
          count: int64(event.count),
        },
      };
    case "token.revoked":
      return {
        tokenRevoked: {
          profile: text(event.profile),
          tenant: text(event.tenant),
          tokenIds: list(event.tokenIds),
          subjectHash: text(event.subjectHash),
          issuedBefore: event.issuedBefore === undefined ? undefined : timestamp(event.issuedBefore),
          caller: text(event.caller),
          reason: text(event.reason),
          until: timestamp(event.until),
        },
      };
    case "key.rotated":
      return {
        keyRotated: {
          keyset: text(event.keyset),
          keysetEpoch: int64(event.keysetEpoch),
          added: list(event.added),
          removed: list(event.removed),
          reason: text(event.reason),
          caller: text(event.caller),
        },
      };
    case "key.imported":
      return {
        keyImported: {
          profile: text(event.profile),
          tenant: text(event.tenant),
          keyId: text(event.keyId),
          caller: text(event.caller),
          byteLength: event.byteLength || undefined,
          fingerprint: text(event.fingerprint),
          allowedWeak: event.allowedWeak || undefined,
          overlapUntil: event.overlapUntil === undefined ? undefined : timestamp(event.overlapUntil),
        },
      };
    case "key.revoked":
      return {
        keyRevoked: {
          keyset: text(event.keyset),
          profile: text(event.profile),
          tenant: text(event.tenant),
          keyId: text(event.keyId),
          signingKeyId: text(event.signingKeyId),
          keysetEpoch: int64(event.keysetEpoch),
          caller: text(event.caller),
          reason: text(event.reason),
        },
      };
    case "configuration.changed":
      return {
        configurationChanged: { configHash: text(event.configHash), profiles: list(event.profiles) },
      };
    case "service.started":
      return { serviceStarted: { version: text(event.version), configHash: text(event.configHash) } };
    case "service.stopped":
      return { serviceStopped: { reason: text(event.reason) } };
  }
}

/** Unix milliseconds as RFC 3339, the fraction of a second only where there is one. */
export function timestamp(millis: number): string {
  const rest = millis % 1000;
  const second = wholeSecond(millis - rest);
  return rest === 0 ? `${second}Z` : `${second}.${String(rest).padStart(3, "0")}Z`;
}

// Thousands of events share their seconds, and a date costs more to write out than all the rest of its event's fields.
const seconds = new Map<number, string>();

function wholeSecond(millis: number): string {
  let text = seconds.get(millis);
  if (text === undefined) {
    if (seconds.size === 64) seconds.clear();
    text = new Date(millis).toISOString().slice(0, -5);
    seconds.set(millis, text);
  }
  return text;
}

function int64(value: number): string | undefined {
  return value === 0 ? undefined : String(value);
}

function text(value: string): string | undefined {
  return value === "" ? undefined : value;
}

function list(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values;
}

function base64(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
