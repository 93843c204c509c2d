import type { Happening, Place } from "./event.ts";

/**
 * The event's body: the canonical proto3 JSON of `signet.v1.AuditEvent` (int64 as strings, RFC 3339 times, base64,
 * defaults left out). Built by hand because one is made for every token: the generated codec costs several times as
 * much. A test holds it equal to the generated code and to an independent implementation.
 */
export function encodeEvent(id: string, time: number, place: Place, happening: Happening): Buffer {
  return Buffer.from(
    JSON.stringify({
      eventId: id,
      time: timestamp(time),
      writer: place.writer,
      epoch: int64(place.epoch),
      seq: int64(place.seq),
      prevHash: base64(place.prevHash),
      ...detail(happening),
    }),
  );
}

function detail(happening: Happening): object {
  switch (happening.type) {
    case "token.issued":
      return {
        tokenIssued: {
          profile: text(happening.profile),
          tokenId: text(happening.tokenId),
          keyId: text(happening.keyId),
          caller: text(happening.caller),
          subjectHash: text(happening.subjectHash),
          audience: list(happening.audience),
          issuedAt: timestamp(happening.issuedAt),
          expiresAt: happening.expiresAt === undefined ? undefined : timestamp(happening.expiresAt),
          requestId: text(happening.requestId),
          tenant: text(happening.tenant),
          extended: happening.extended || undefined,
        },
      };
    case "token.denied":
      return {
        tokenDenied: {
          profile: text(happening.profile),
          caller: text(happening.caller),
          reason: text(happening.reason),
          count: int64(happening.count),
        },
      };
    case "token.revoked":
      return {
        tokenRevoked: {
          profile: text(happening.profile),
          tenant: text(happening.tenant),
          tokenIds: list(happening.tokenIds),
          subjectHash: text(happening.subjectHash),
          issuedBefore: happening.issuedBefore === undefined ? undefined : timestamp(happening.issuedBefore),
          caller: text(happening.caller),
          reason: text(happening.reason),
          until: timestamp(happening.until),
        },
      };
    case "key.rotated":
      return {
        keyRotated: {
          keyset: text(happening.keyset),
          keysetEpoch: int64(happening.keysetEpoch),
          added: list(happening.added),
          removed: list(happening.removed),
          reason: text(happening.reason),
          caller: text(happening.caller),
        },
      };
    case "key.imported":
      return {
        keyImported: {
          profile: text(happening.profile),
          tenant: text(happening.tenant),
          keyId: text(happening.keyId),
          caller: text(happening.caller),
          byteLength: happening.byteLength || undefined,
          fingerprint: text(happening.fingerprint),
          allowedWeak: happening.allowedWeak || undefined,
          overlapUntil: happening.overlapUntil === undefined ? undefined : timestamp(happening.overlapUntil),
        },
      };
    case "key.revoked":
      return {
        keyRevoked: {
          keyset: text(happening.keyset),
          profile: text(happening.profile),
          tenant: text(happening.tenant),
          keyId: text(happening.keyId),
          signingKeyId: text(happening.signingKeyId),
          keysetEpoch: int64(happening.keysetEpoch),
          caller: text(happening.caller),
          reason: text(happening.reason),
        },
      };
    case "configuration.changed":
      return {
        configurationChanged: { configHash: text(happening.configHash), profiles: list(happening.profiles) },
      };
    case "service.started":
      return { serviceStarted: { version: text(happening.version), configHash: text(happening.configHash) } };
    case "service.stopped":
      return { serviceStopped: { reason: text(happening.reason) } };
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
