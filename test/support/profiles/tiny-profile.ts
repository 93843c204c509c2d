/** The lines of a minimal profile, numbered from 1. */
const LINES = [
  "profile: tiny",
  "keys: { keyset: tiny, algorithm: EdDSA }",
  "lifetime: { exp: required, default: 5m, max: 1h }",
  "request: { type: object, additionalProperties: false, properties: { a: {}, o: { type: object } } }",
  "claims:",
  "  - { name: iss, from: issuer }",
  "  - { name: exp, from: expires_at }",
  "accept: { type: object }",
] as const;

/** The text of a minimal profile with these lines changed or added. */
export function tinyProfile(changes: Readonly<Record<number, string>> = {}): string {
  const length = Math.max(LINES.length, ...Object.keys(changes).map(Number));
  return Array.from({ length }, (_, index) => changes[index + 1] ?? LINES[index] ?? "").join("\n");
}
