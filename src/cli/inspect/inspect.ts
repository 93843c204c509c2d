import { isUtf8 } from "node:buffer";
import { tokenIdOf } from "../../token/token-id.ts";
import { MAX_TOKEN_LENGTH } from "../../token/verify/compact.ts";
import { layOutJson } from "./json-layout.ts";

/** What a token says about itself, and none of it proven. */
export interface Inspection {
  readonly kind: "JWS" | "JWE";
  /** The length of the token in characters. */
  readonly characters: number;
  readonly header: Part;
  /** Undefined for a JWE: only the holder of its key can read it. */
  readonly payload: Part | undefined;
  /** The id in the audit log and in revocations; undefined where the payload can't be read. */
  readonly tokenId: string | undefined;
  /** The length of the signature of a JWS, in bytes; 0 for an unsigned one. */
  readonly signatureBytes: number;
  readonly times: readonly NamedTime[];
  /** Why this is no well-formed JWT. */
  readonly faults: readonly string[];
  /** What is unusual, or refused by VerifyToken, in a well-formed one. */
  readonly notes: readonly string[];
}

interface NamedTime {
  readonly claim: string;
  readonly time: Date;
}

type Members = Readonly<Record<string, unknown>>;

/** One part of a token, decoded. */
interface Part {
  /** The JSON as it was written, indented; undefined where there is none that can be shown. */
  readonly json: string | undefined;
  /** The members; undefined where there is none or more than one way to read them. */
  readonly members: Members | undefined;
}

/** The claims that hold a time (RFC 7519, 4.1; OpenID Connect Core, 2). */
const TIMES = ["iat", "nbf", "exp", "auth_time"];
const MAX_DEPTH = 64;
const LATEST_MS = 8.64e15;

/** Decodes a token and checks nothing. Undefined if it has not as many parts as a JWT. */
export function inspectToken(token: string): Inspection | undefined {
  const parts = token.split(".", 6);
  if (parts.length !== 3 && parts.length !== 5) return undefined;
  const isSigned = parts.length === 3;
  const [head = "", body = "", signature = ""] = parts;
  const faults: string[] = [];
  const notes: string[] = [];
  const header = readPart("header", head, faults, notes);
  const payload = isSigned ? readPart("payload", body, faults, notes) : undefined;
  if (header.members !== undefined && typeof header.members.alg !== "string")
    faults.push("the header has no alg, or one that is no text (RFC 7515, 4.1.1)");
  noteOddities(header.members, signature, token.length, isSigned, notes);
  const signingInput = Buffer.from(`${head}.${body}`, "latin1");
  return {
    kind: isSigned ? "JWS" : "JWE",
    characters: token.length,
    header,
    payload,
    tokenId: payload?.members && tokenIdOf(payload.members.jti, signingInput),
    signatureBytes: isSigned ? Buffer.from(signature, "base64url").length : 0,
    times: timesOf(payload?.members ?? {}, notes),
    faults,
    notes,
  };
}

function readPart(what: string, part: string, faults: string[], notes: string[]): Part {
  const bytes = Buffer.from(part, "base64url");
  noteEncoding(what, part, notes);
  const fault = (text: string, json?: string) => {
    faults.push(`the ${what} ${text}`);
    return { json, members: undefined };
  };
  if (bytes.length === 0) return fault(part === "" ? "is empty" : "is not base64url");
  if (!isUtf8(bytes)) return fault(`is not UTF-8 (${bytes.length} bytes)`);
  const text = bytes.toString("utf8");
  const value = parseJson(text);
  if (value === undefined) return fault(looksLikeToken(text) ? "is a token itself: inspect that one" : "is not JSON");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fault("is not a JSON object");
  const layout = layOutJson(text);
  if (layout.depth > MAX_DEPTH) return fault(`has ${layout.depth} levels; at most ${MAX_DEPTH} are shown`);
  if (layout.duplicate !== undefined) {
    const name = JSON.stringify(layout.duplicate.slice(0, 64).toWellFormed());
    return fault(`has the member ${name} twice in one object: readers differ on which one counts`, layout.text);
  }
  return { json: layout.text, members: value as Members };
}

function noteEncoding(what: string, part: string, notes: string[]): void {
  if (Buffer.from(part, "base64url").toString("base64url") !== part)
    notes.push(`the ${what} is not canonical base64url (RFC 7515, 2); VerifyToken refuses that`);
}

/** The value of a JSON text; undefined for any other text. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function looksLikeToken(text: string): boolean {
  return /^e[wy][\w-]+(\.[\w-]*){2,4}$/.test(text);
}

function noteOddities(
  { alg, crit }: Members = {},
  signature: string,
  length: number,
  isSigned: boolean,
  notes: string[],
): void {
  if (isSigned && (signature === "" || (typeof alg === "string" && alg.toLowerCase() === "none")))
    notes.push("nothing signs this token: anyone can change it");
  else if (isSigned) noteEncoding("signature", signature, notes);
  if (crit !== undefined) notes.push("the header has crit (RFC 7515, 4.1.11); VerifyToken refuses that");
  if (!isSigned) notes.push("the payload is encrypted, and only the holder of the key can read it");
  if (length > MAX_TOKEN_LENGTH)
    notes.push(`longer than ${MAX_TOKEN_LENGTH} characters, the most that VerifyToken accepts by default`);
}

function timesOf(members: Members, notes: string[]): NamedTime[] {
  return TIMES.filter((claim) => Object.hasOwn(members, claim)).flatMap((claim) => {
    const seconds = members[claim];
    if (typeof seconds !== "number" || Math.abs(seconds) * 1_000 > LATEST_MS) {
      notes.push(`${claim} is not a time, which is a number of seconds since 1970 (RFC 7519, 2)`);
      return [];
    }
    if (seconds > 1e11) notes.push(`${claim} seems to count milliseconds; it counts seconds (RFC 7519, 2)`);
    return [{ claim, time: new Date(seconds * 1_000) }];
  });
}
