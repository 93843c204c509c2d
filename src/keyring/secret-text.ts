import type { SecretEncoding } from "../profile/profile.ts";

/** Every reading of a secret's text, and what it must look like. */
export const SECRET_FORMS: Readonly<Record<SecretEncoding, string>> = {
  utf8: "well-formed UTF-8 (and not contain U+FFFD)",
  base64: "base64 with its padding (RFC 4648, 4)",
  base64url: "base64url without padding (RFC 4648, 5)",
  hex: "hex (RFC 4648, 8): pairs of digits, all in upper or all in lower case",
};

export const secretEncodings = Object.keys(SECRET_FORMS) as readonly SecretEncoding[];

/**
 * The bytes of a key that a vendor shows as text; undefined when they don't give the same text again. Decoders differ in
 * what they skip, so that what does not round-trip would be one key here and another there.
 */
export function secretBytes(text: string, encoding: SecretEncoding): Buffer | undefined {
  // The decoder of the wire puts U+FFFD in the place of what is no UTF-8.
  if (!text.isWellFormed() || text.includes("\uFFFD")) return undefined;
  const bytes = Buffer.from(text, encoding);
  const again = bytes.toString(encoding);
  const same = again === text || (encoding === "hex" && again.toUpperCase() === text);
  return same ? bytes : undefined;
}
