import { isUtf8 } from "node:buffer";
import { AuditEvent, type KeyImported } from "../../gen/signet/v1/audit.ts";
import { printable } from "./safe-text.ts";

/** A message as read from the audit stream. */
export interface AuditMessage {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Proto-JSON of an AuditEvent, if Signet wrote the message. */
  readonly body: Uint8Array;
}

/** One line of text: time, type, profile, id, caller, key, and fields of the type. Absent values are "-". */
export function auditLine(message: AuditMessage): string {
  const event = decodeEvent(message.body);
  if (event === undefined) return `- ${printable(message.subject)} not an audit event (${message.body.length} bytes)`;
  const time = event.time?.toISOString() ?? "-";
  const type = message.headers["ce-type"] ?? message.subject;
  return [time, type.padEnd(15), ...facts(event)].map((fact) => printable(fact === "" ? "-" : fact)).join("  ");
}

/**
 * One line of JSON: the body byte for byte, since the next event's `prevHash` is a hash of its bytes. A body that is
 * not JSON on one line, in UTF-8, is wrapped in base64.
 */
export function auditJson({ subject, body }: AuditMessage): string {
  const text = Buffer.from(body).toString("utf8");
  if (isUtf8(body) && parse(text) !== undefined && !/[\r\n]/.test(text)) return text;
  return JSON.stringify({ subject, undecodable: Buffer.from(body).toString("base64") });
}

/** The event of a body; undefined if it is none. */
export function decodeEvent(body: Uint8Array): AuditEvent | undefined {
  const object = isUtf8(body) ? parse(Buffer.from(body).toString("utf8")) : undefined;
  if (object === undefined) return undefined;
  try {
    const event = AuditEvent.fromJSON(object);
    // An invalid date would throw later, in toISOString().
    return event.eventId === "" || Number.isNaN(event.time?.getTime()) ? undefined : event;
  } catch {
    return undefined;
  }
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

type TypedEvent = NonNullable<AuditEvent["event"]>;

/** Profile, id, caller, keys, and details. An event type that is not named below shows what it has of these. */
function facts({ eventId, event }: AuditEvent): string[] {
  if (event === undefined) return ["", eventId, "", ""];
  const { value } = event;
  const profile = "profile" in value ? value.profile : "";
  const caller = "caller" in value ? value.caller : "";
  return [profile, tokensOf(event) ?? eventId, caller, keysOf(event), ...detailsOf(event)];
}

function tokensOf({ $case, value }: TypedEvent): string | undefined {
  if ($case !== "tokenRevoked") return "tokenId" in value ? value.tokenId : undefined;
  if (value.subjectHash !== "") return value.subjectHash;
  const [first = "", ...more] = value.tokenIds;
  return more.length > 0 ? `${first} +${more.length}` : first;
}

function keysOf({ $case, value }: TypedEvent): string {
  switch ($case) {
    case "keyRotated":
      return [...value.added.map((kid) => `+${kid}`), ...value.removed.map((kid) => `-${kid}`)].join(" ");
    case "keyRevoked":
      return `-${value.keyId}${value.signingKeyId === "" ? "" : `, ${value.signingKeyId} signs`}`;
    default:
      return "keyId" in value ? value.keyId : "";
  }
}

function detailsOf({ $case, value }: TypedEvent): string[] {
  switch ($case) {
    case "tokenDenied":
      return [`${value.reason} x${value.count}`];
    case "tokenRevoked":
      return [[...tenantOf(value), value.reason].join(", ")];
    case "keyRotated":
      return [`${value.keyset} epoch ${value.keysetEpoch}: ${value.reason}`];
    case "keyImported":
      return [[...lookOf(value), ...tenantOf(value), ...(value.allowedWeak ? ["weak"] : [])].join(", ")];
    case "keyRevoked": {
      const ring = value.keyset === "" ? `epoch ${value.keysetEpoch}` : `${value.keyset} epoch ${value.keysetEpoch}`;
      return [`${[...tenantOf(value), ring].join(", ")}: ${value.reason}`];
    }
    case "configurationChanged":
      return [
        ...[`profiles ${value.profiles.join(" ")}`],
        ...(value.disabled.length === 0 ? [] : [`disabled ${value.disabled.join(" ")}`]),
        ...(value.replaced.length === 0 ? [] : [`replaced ${value.replaced.join(" ")}`]),
      ];
    case "serviceStarted":
      return [`version ${value.version}`, ...value.acceptedLosses.map((loss) => `lost ${loss}`)];
    default:
      return "reason" in value ? [value.reason] : [];
  }
}

/** The events of 0.1.0 have no algorithm. */
function lookOf({ algorithm, byteLength }: KeyImported): string[] {
  return [...(algorithm === "" ? [] : [algorithm]), `${byteLength} bytes`];
}

function tenantOf({ tenant }: { readonly tenant: string }): string[] {
  return tenant === "" ? [] : [`tenant ${tenant}`];
}
