/** Longest subject and longest audience, in bytes of UTF-8. */
const MAX_TEXT_BYTES = 255;
const MAX_REASON_BYTES = 256;
/** The form of a `kid`: vendors build theirs of several parts, such as `appId.keyId`. */
export const KEY_ID = /^[!-~]{1,255}$/;
export const KEY_ID_FORM = "must be 1 to 255 characters of printable ASCII without white space";
/**
 * A JWS in compact serialisation. Its header is a JSON object: base64url encodes `{` and a quote or a space as `ey`, and
 * `{` and a line break as `ew`.
 */
const TOKEN = /\be[wy][A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20,}/;

/*
 * Each function below returns what is wrong with a value, as the description of a field violation, or undefined when
 * the value is good. A fault has the same description in every method. None repeats the value.
 */

/** A required field is absent. In proto3 an absent string and an empty one are the same. */
export const REQUIRED = "is required";

/** A field is set although the profile does not use it. */
export const NOT_USED = "is not used by this profile";

/** A time lies in the future, or outside the range of dates. */
export const NOT_PAST = "must be a time that is not in the future";

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/;

/** Checks the id by which a caller repeats a request. Empty: it has none. */
export function requestIdFault(text: string): string | undefined {
  return text === "" || REQUEST_ID.test(text) ? undefined : "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -";
}

/** A time lies outside the range of a Timestamp. */
export const NO_TIME = "must be a time from year 1 to 9999";

/** Checks the tenant of a request. `used`: whether the profile has tenants. */
export function tenantFault(value: string, used: boolean): string | undefined {
  return fieldFault(value, used, identityFault);
}

/**
 * Checks a field that only some profiles use: required and checked by `fault` if the profile uses it, otherwise
 * refused.
 */
export function fieldFault(
  value: string,
  used: boolean,
  fault: (value: string) => string | undefined,
): string | undefined {
  if (value === "") return used ? REQUIRED : undefined;
  return used ? fault(value) : NOT_USED;
}

/**
 * Checks a text that a token carries as an identity. U+FFFD is refused because the decoder replaces invalid UTF-8 with
 * it: two different subjects could become equal.
 */
export function identityFault(text: string): string | undefined {
  return text === "" ? "must not be empty" : lineFault(text, MAX_TEXT_BYTES);
}

/** Checks the reason that an operator gives for the audit log. */
export function reasonFault(text: string): string | undefined {
  return text === "" ? REQUIRED : (lineFault(text, MAX_REASON_BYTES) ?? tokenFault(text));
}

/** Refuses a text that contains a token. The text is stored and reported, and its readers could use the token. */
export function tokenFault(text: string): string | undefined {
  return TOKEN.test(text) ? "must not contain a token" : undefined;
}

/** Checks the `kid` that an operator gives. */
export function keyIdFault(text: string): string | undefined {
  return KEY_ID.test(text) ? tokenFault(text) : KEY_ID_FORM;
}

/** Checks any text of a request. */
export function textFault(text: string): string | undefined {
  return text.isWellFormed() && !text.includes("\uFFFD")
    ? undefined
    : "must be well-formed UTF-8 (and not contain U+FFFD)";
}

function lineFault(text: string, maxBytes: number): string | undefined {
  if (Buffer.byteLength(text) > maxBytes) return `must have at most ${maxBytes} bytes of UTF-8`;
  return textFault(text) ?? (hasControl(text) ? "must not contain control characters" : undefined);
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}
