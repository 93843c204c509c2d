import { AuditEvent } from "../../gen/signet/v1/audit.ts";
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
  const event = decode(message.body);
  if (event === undefined) return `- ${printable(message.subject)} not an audit event (${message.body.length} bytes)`;
  const time = event.time?.toISOString() ?? "-";
  const type = message.headers["ce-type"] ?? message.subject;
  return [time, type.padEnd(15), ...facts(event)].map((fact) => printable(fact === "" ? "-" : fact)).join("  ");
}

/**
 * One line of JSON: the body byte for byte, since the next event's `prevHash` is a hash of its bytes. A body that is
 * not JSON on one line is wrapped in base64.
 */
export function auditJson({ subject, body }: AuditMessage): string {
  const text = Buffer.from(body).toString("utf8");
  if (parse(text) !== undefined && !/[\r\n]/.test(text)) return text;
  return JSON.stringify({ subject, undecodable: Buffer.from(body).toString("base64") });
}

function decode(body: Uint8Array): AuditEvent | undefined {
  const object = parse(Buffer.from(body).toString("utf8"));
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

/** Profile, id, caller, key, rest. The id is the token's if the event has one, else the event's. */
function facts({ eventId, event }: AuditEvent): string[] {
  switch (event?.$case) {
    case "tokenIssued":
      return [event.value.profile, event.value.tokenId, event.value.caller, event.value.keyId];
    case "tokenDenied":
      return [event.value.profile, eventId, event.value.caller, "-", `${event.value.reason} x${event.value.count}`];
    case "tokenRevoked": {
      const { profile, tenant, tokenIds, subjectHash, caller, reason } = event.value;
      const [only, ...more] = tokenIds;
      const whose = subjectHash === "" ? `${only ?? ""}${more.length > 0 ? ` +${more.length}` : ""}` : subjectHash;
      return [profile, whose, caller, "-", `${tenant === "" ? "" : `tenant ${tenant}, `}${reason}`];
    }
    case "keyRotated": {
      const { keyset, keysetEpoch, added, removed, reason, caller } = event.value;
      const change = [...added.map((kid) => `+${kid}`), ...removed.map((kid) => `-${kid}`)].join(" ");
      return ["-", eventId, caller || "-", change, `${keyset} epoch ${keysetEpoch}: ${reason}`];
    }
    case "keyImported": {
      const { profile, tenant, keyId, caller, byteLength, allowedWeak } = event.value;
      const rest = [
        `${byteLength} bytes`,
        ...(tenant === "" ? [] : [`tenant ${tenant}`]),
        ...(allowedWeak ? ["weak"] : []),
      ];
      return [profile, eventId, caller, keyId, rest.join(", ")];
    }
    case "keyRevoked": {
      const { keyset, profile, tenant, keyId, signingKeyId, keysetEpoch, caller, reason } = event.value;
      const ring = keyset === "" ? `epoch ${keysetEpoch}` : `${keyset} epoch ${keysetEpoch}`;
      const whose = tenant === "" ? ring : `tenant ${tenant}, ${ring}`;
      const change = `-${keyId}${signingKeyId === "" ? "" : `, ${signingKeyId} signs`}`;
      return [profile, eventId, caller, change, `${whose}: ${reason}`];
    }
    case "configurationChanged":
      return ["-", eventId, "-", "-", `profiles ${event.value.profiles.join(" ")}`];
    case "serviceStarted":
      return ["-", eventId, "-", "-", `version ${event.value.version}`];
    case "serviceStopped":
      return ["-", eventId, "-", "-", event.value.reason];
    default:
      return ["-", eventId, "-", "-"];
  }
}
