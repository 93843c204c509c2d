/**
 * Makes foreign text safe for a terminal: control characters could move the cursor or retitle the window, and
 * bidirectional marks could make one text look like another. They become \u escapes.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped);
}

/** JSON for people, in which nothing but its own line breaks controls the terminal. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).split("\n").map(printable).join("\n");
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/**
 * Takes tokens (JWS and JWE in compact serialisation) and passwords in URLs out of a text that came from elsewhere: a
 * token in the place of an option's name would else stand in the error, and so in the scrollback or the log of a build.
 */
export function redact(text: string): string {
  // The header of a token is a JSON object, which begins with "ey" in base64url.
  return text
    .replace(/\bey[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]*){2,4}/g, "[token]")
    .replace(/(\w+:\/\/)[^\s/@]*@/g, "$1***@");
}
