/**
 * Makes foreign text safe for a terminal by escaping control characters, which could move the cursor or retitle the
 * window, and bidirectional marks, which could make one text look like another.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped);
}

/** Indented JSON that is safe for a terminal, see {@link printable}. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).split("\n").map(printable).join("\n");
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/**
 * Removes tokens (JWS and JWE in compact serialisation) and passwords in URLs from foreign text. An error that quotes a
 * token typed by mistake would otherwise put it into the scrollback or a build log.
 */
export function redact(text: string): string {
  // A token begins with the base64url of a JSON object, which begins with "ey".
  return text
    .replace(/\bey[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]*){2,4}/g, "[token]")
    .replace(/(\w+:\/\/)[^\s/@]*@/g, "$1***@");
}
