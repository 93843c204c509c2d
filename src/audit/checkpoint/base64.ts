/**
 * The bytes of a text in base64 (RFC 4648, 4). Undefined unless it is written as an encoder writes it, with its padding:
 * what says the same in other characters is another text, and may be somebody's change.
 */
export function base64Bytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
