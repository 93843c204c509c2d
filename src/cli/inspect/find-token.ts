/** A token in a text, and whether more than white space stood around it; or why there is none. */
export type Found = { readonly token: string; readonly isBare: boolean } | { readonly none: string };

/** Compact serialisation begins with the base64url of "{" and of a quote or white space. */
const COMPACT = /(?<![\w.-])e[wy][\w-]*(?:\.[\w-]*){2,}/g;
const JSON_MEMBERS = ["payload", "signatures", "ciphertext"];

/**
 * Finds the token in what an operator has copied: the token alone, or a header, a URL, a cookie or JSON with one token
 * in it. The answer repeats none of the text around it, which may hold other secrets.
 */
export function findToken(text: string): Found {
  const trimmed = text.trim();
  if (trimmed === "") return { none: "the input is empty" };
  if (trimmed.includes("\ufffd")) return { none: "the input is not UTF-8" };
  if (/^[\w.+/=-]+$/.test(trimmed)) return { token: trimmed, isBare: true };
  const tokens = new Set(Array.from(trimmed.matchAll(COMPACT), ([token]) => token));
  const [token] = tokens;
  if (token === undefined) return { none: isJsonSerialisation(trimmed) ? JSON_SERIALISATION : NOTHING };
  if (tokens.size > 1) return { none: `the input holds ${tokens.size} different tokens; give one of them` };
  return { token, isBare: false };
}

const NOTHING = "the input holds no JWT, which is three or five parts of base64url, separated by dots";
const JSON_SERIALISATION =
  "the input is a JWS or JWE in JSON serialisation; a JWT has the compact one (RFC 7519, 1): parts separated by dots";

function isJsonSerialisation(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && JSON_MEMBERS.some((name) => Object.hasOwn(value, name));
  } catch {
    return false;
  }
}
