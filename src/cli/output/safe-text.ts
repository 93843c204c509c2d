/**
 * Makes foreign text safe for a terminal by escaping control characters, which could move the cursor or retitle the
 * window, and bidirectional marks, which could make one text look like another.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped);
}

/** Indented JSON that is safe for a terminal, see {@link safeJson}. */
export function printableJson(value: unknown): string {
  return safeJson(JSON.stringify(value, null, 2));
}

/** Escapes what {@link printable} escapes, but as JSON does: the text stays JSON with the same values. */
export function safeJson(json: string): string {
  return json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    if (character === "\n") return character;
    return Array.from({ length: character.length }, (_, at) => utf16Escape(character.charCodeAt(at))).join("");
  });
}

function utf16Escape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/**
 * Removes tokens (JWS and JWE in compact serialisation) and passwords in URLs from foreign text. An error that quotes a
 * token typed by mistake would otherwise put it into the scrollback or a build log.
 */
export function redact(text: string): string {
  // A token begins with the base64url of a JSON object: of "{", and a quote or white space.
  return text
    .replace(/\be[wy][A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]*){2,4}/g, "[token]")
    .replace(/(\w+:\/\/)[^\s/@]*@/g, "$1***@");
}
