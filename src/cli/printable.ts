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
