import { reject, type Step } from "../rejection.ts";

/** The three parts of a JWS in compact serialisation (RFC 7515, 7.1), decoded from base64url but not parsed. */
export interface Compact {
  readonly header: Buffer;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** The signed text, which ends before the second dot (RFC 7515, 5.2). */
  readonly signingInput: Buffer;
}

/** Default maximum length of a token, in characters. Checked before anything is parsed. */
export const MAX_TOKEN_LENGTH = 8 * 1024;

/**
 * Splits a token into its parts. Only the canonical encoding is accepted: a decoder that skips white space, padding or
 * the unused bits of the last character lets many texts stand for one token. `maxLength` in characters.
 */
export function splitCompact(token: string, maxLength: number): Step<Compact> {
  if (token.length > maxLength) return reject("TOO_LARGE", `a token must have at most ${maxLength} characters here`);
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  if (first === -1 || second === -1 || token.indexOf(".", second + 1) !== -1)
    return reject("MALFORMED", "a token must have exactly three parts, separated by dots");
  const header = decodeCanonical(token.slice(0, first));
  const payload = decodeCanonical(token.slice(first + 1, second));
  const signature = decodeCanonical(token.slice(second + 1));
  if (header === undefined || payload === undefined || signature === undefined)
    return reject("MALFORMED", "each part of a token must be non-empty, canonical base64url without padding");
  return { ok: { header, payload, signature, signingInput: Buffer.from(token.slice(0, second), "latin1") } };
}

/** Decodes non-empty, canonical base64url (RFC 7515, 2). Undefined for anything else. */
function decodeCanonical(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length > 0 && bytes.toString("base64url") === text ? bytes : undefined;
}
