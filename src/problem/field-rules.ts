/** Limit of a subject and of one audience, in bytes of UTF-8. */
const MAX_TEXT_BYTES = 255;
const MAX_REASON_BYTES = 256;
/** A JWS in compact serialisation: its header is a JSON object, of which `{"` is `ey` in base64url. */
const TOKEN = /\bey[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20,}/;

/**
 * What is wrong with a text that a token shall carry as an identity, or undefined. U+FFFD is refused because the decoder
 * puts it in the place of invalid UTF-8: two different subjects could become equal.
 */
export function identityFault(text: string): string | undefined {
  return lineFault(text, MAX_TEXT_BYTES);
}

/** What is wrong with the reason that somebody gives for the audit log, or undefined. */
export function reasonFault(text: string): string | undefined {
  return lineFault(text, MAX_REASON_BYTES) ?? tokenFault(text);
}

/** Refuses a token in a short text that is stored and told: whoever reads it there could use it. Undefined when there is none. */
export function tokenFault(text: string): string | undefined {
  return TOKEN.test(text) ? "must not hold a token" : undefined;
}

function lineFault(text: string, maxBytes: number): string | undefined {
  if (text === "") return "must not be empty";
  if (Buffer.byteLength(text) > maxBytes) return `must have at most ${maxBytes} bytes of UTF-8`;
  return textFault(text) ?? (hasControl(text) ? "must not contain control characters" : undefined);
}

/** What is wrong with any text of a request, or undefined. */
export function textFault(text: string): string | undefined {
  return text.isWellFormed() && !text.includes("\uFFFD")
    ? undefined
    : "must be well-formed UTF-8 (and not contain U+FFFD)";
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

/** Why a field is refused whose value the profile does not use. */
export const NOT_TAKEN = "is not taken by this profile";

/** What is wrong with the tenant of a request, or undefined. `taken`: the profile has tenants. */
export function tenantFault(value: string, taken: boolean): string | undefined {
  return takenFault(value, taken, identityFault);
}

/** What is wrong with a field that some profiles take: checked by `fault` where it is taken, refused unless empty elsewhere. */
export function takenFault(
  value: string,
  taken: boolean,
  fault: (value: string) => string | undefined,
): string | undefined {
  if (taken) return fault(value);
  return value === "" ? undefined : NOT_TAKEN;
}
