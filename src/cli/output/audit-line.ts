import { isUtf8 } from "node:buffer";
import {
  checkpointLine,
  isCheckpoint,
  noteOfLine,
  type PublishedCheckpoint,
  readCheckpoint,
} from "../../audit/stream-message.ts";
import { parseJson } from "../../audit/verify/entry.ts";
import {
  AuditEvent,
  type ConfigurationChanged,
  type KeyImported,
  type KeyPublished,
  type KeyRotated,
  type SessionClosed,
  type SessionOpened,
} from "../../gen/signet/v1/audit.ts";
import { printable } from "./safe-text.ts";

/** A message as read from the audit stream. */
export interface AuditMessage {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Proto-JSON of an AuditEvent, or the note of a checkpoint, if Signet wrote the message. */
  readonly body: Uint8Array;
}

/** One line of text: time, type, profile, id, caller, key, and fields of the type. Absent values are "-". */
export function auditLine(message: AuditMessage): string {
  const checkpoint = checkpointOf(message);
  if (checkpoint !== undefined) return ["-", "checkpoint".padEnd(15), ...checkpointFacts(checkpoint)].join("  ");
  const event = decodeEvent(message.body);
  if (event === undefined) return `- ${printable(message.subject)} not an audit event (${message.body.length} bytes)`;
  const time = event.time?.toISOString() ?? "-";
  const type = message.headers["ce-type"] ?? message.subject;
  return [time, type.padEnd(15), ...facts(event)].map((fact) => printable(fact === "" ? "-" : fact)).join("  ");
}

/** How many events the last checkpoint of each writer covers, as far as checkpoints were read. */
export class Covered {
  readonly #sizes = new Map<string, number>();

  /** Takes a message into account if it is a checkpoint. */
  add(message: Omit<AuditMessage, "headers">): void {
    const checkpoint = checkpointOf(message);
    if (checkpoint === undefined) return;
    this.#sizes.set(checkpoint.writer, Math.max(checkpoint.size, this.#sizes.get(checkpoint.writer) ?? 0));
  }

  /** Whether a checkpoint covers the event. Undefined for what is in no log. */
  covers(body: Uint8Array): boolean | undefined {
    const { writer = "", logIndex } = decodeEvent(body) ?? {};
    return logIndex === undefined ? undefined : logIndex < (this.#sizes.get(writer) ?? 0);
  }
}

/** As {@link auditLine}, and whether a checkpoint covers the event. */
export function markedLine(message: AuditMessage, covered: Covered): string {
  const isCovered = covered.covers(message.body);
  const mark = isCovered === undefined ? "" : isCovered ? "  covered" : "  pending";
  return `${auditLine(message)}${mark}`;
}

/**
 * One line of JSON: the body byte for byte, since the next event's `prevHash` is a hash of its bytes. A checkpoint is
 * `{"checkpoint":"<note>"}`. Any other body that is not JSON on one line, in UTF-8, is wrapped in base64; and one that
 * looks like such a line, since a file must say of a message what the stream says.
 */
export function auditJson(message: AuditMessage): string {
  const { subject, body } = message;
  const checkpoint = checkpointOf(message);
  if (checkpoint !== undefined) return checkpointLine(checkpoint.note);
  const text = Buffer.from(body).toString("utf8");
  const stored = isUtf8(body) && !/[\r\n]/.test(text) ? parseJson(text) : undefined;
  if (stored !== undefined && noteOfLine(stored) === undefined) return text;
  return JSON.stringify({ subject, undecodable: Buffer.from(body).toString("base64") });
}

/** The checkpoint of a message, its signature not checked. Undefined for an event, and for what is neither. */
export function checkpointOf({ subject, body }: Omit<AuditMessage, "headers">): PublishedCheckpoint | undefined {
  return isCheckpoint(subject) && isUtf8(body) ? readCheckpoint(Buffer.from(body).toString("utf8")) : undefined;
}

function checkpointFacts({ writer, size }: PublishedCheckpoint): string[] {
  return ["-", writer, "-", "-", `size ${size}`];
}

/** The event of a body; undefined if it is none. */
export function decodeEvent(body: Uint8Array): AuditEvent | undefined {
  const object = isUtf8(body) ? parseJson(Buffer.from(body).toString("utf8")) : undefined;
  if (object === undefined) return undefined;
  try {
    const event = AuditEvent.fromJSON(object);
    // A time that is none throws here, wherever it is, and not when it is printed.
    AuditEvent.toJSON(event);
    return event.eventId === "" ? undefined : event;
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
  return [profile, tokensOf(event) || eventId, caller, keysOf(event), ...detailsOf(event)];
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
    case "tokenIssued":
      return value.warnings.length === 0 ? [] : [`warnings ${value.warnings.join(" ")}`];
    case "tokenDenied":
    case "tokenRejected":
    case "sessionRefused":
      return [`${value.reason} x${value.count}`];
    case "sessionOpened":
      return [[...sessionOf(value), ...countOf(value)].join(", ")];
    case "sessionClosed":
      return [[...sessionOf(value), value.reason].join(", ")];
    case "accessDenied":
    case "adminFailed":
      return [`${value.method === "" ? "" : `${value.method}: `}${value.reason} x${value.count}`];
    case "accessWouldDeny":
    case "accessWouldAllow":
      return [`${value.method}: group ${value.group} x${value.count}`];
    case "tokenRevoked":
      return [[...tenantOf(value), value.reason].join(", ")];
    case "keyRotated":
      return [`${value.keyset} epoch ${value.keysetEpoch}: ${value.reason}${takingOver(value)}`];
    case "keyPublished":
      return [publicationOf(value)];
    case "keyImported":
      return [[...lookOf(value), ...tenantOf(value), ...(value.allowedWeak ? ["weak"] : [])].join(", ")];
    case "keyRevoked": {
      const ring = value.keyset === "" ? `epoch ${value.keysetEpoch}` : `${value.keyset} epoch ${value.keysetEpoch}`;
      return [`${[...tenantOf(value), ring].join(", ")}: ${value.reason}`];
    }
    case "configurationChanged":
      return changesOf(value);
    case "writerOpened":
      return [`${value.reason}${value.predecessor === "" ? "" : ` after ${value.predecessor}`}`];
    case "writerClosed":
      return [`${value.reason}${value.successor === "" ? "" : `, ${value.successor} goes on`}`];
    case "serviceStarted":
      return [`version ${value.version}`, ...value.acceptedLosses.map((loss) => `lost ${loss}`)];
    default:
      return "reason" in value ? [value.reason] : [];
  }
}

function changesOf(value: ConfigurationChanged): string[] {
  return [
    ...(value.parts.length === 0 ? [] : [`changed ${value.parts.join(" ")}`]),
    ...(value.profiles.length === 0 ? [] : [`profiles ${value.profiles.join(" ")}`]),
    ...(value.disabled.length === 0 ? [] : [`disabled ${value.disabled.join(" ")}`]),
    ...(value.replaced.length === 0 ? [] : [`replaced ${value.replaced.join(" ")}`]),
    ...(value.policyDigest === "" ? [] : [`policy ${value.policyDigest}`]),
  ];
}

function takingOver({ signingKeyId, signsFrom }: KeyRotated): string {
  return signingKeyId === "" ? "" : `, ${signingKeyId} signs from ${signsFrom?.toISOString() ?? "-"}`;
}

function publicationOf({ keyset, algorithm, tenant, signsFrom }: KeyPublished): string {
  const signs = signsFrom === undefined ? "standby" : `signs from ${signsFrom.toISOString()}`;
  return [...(keyset === "" ? [] : [keyset]), algorithm, ...tenantOf({ tenant }), signs].join(", ");
}

/** The events of 0.1.0 have no algorithm. */
function lookOf({ algorithm, byteLength }: KeyImported): string[] {
  return [...(algorithm === "" ? [] : [algorithm]), `${byteLength} bytes`];
}

function sessionOf({ tenant, gatewayId, sessionId }: SessionOpened | SessionClosed): string[] {
  return [...tenantOf({ tenant }), `gateway ${gatewayId}`, `session ${sessionId}`];
}

function countOf({ openSessions, maxSessions }: SessionOpened): string[] {
  return maxSessions === 0 ? [] : [`${openSessions} of ${maxSessions}`];
}

function tenantOf({ tenant }: { readonly tenant: string }): string[] {
  return tenant === "" ? [] : [`tenant ${tenant}`];
}
