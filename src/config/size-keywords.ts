import type { FuncKeywordDefinition } from "ajv/dist/2020.js";

interface StringLimits {
  readonly maxLength?: number;
  readonly maxBytes?: number;
}

/** `maxBytes`, and a `pattern` that looks at no text which the size limits beside it refuse: some take very long. */
export const SIZE_KEYWORDS: readonly FuncKeywordDefinition[] = [
  {
    keyword: "maxBytes",
    type: ["string", "object", "array"],
    schemaType: "number",
    validate: (limit: number, value: unknown) => byteLength(value) <= limit,
  },
  {
    keyword: "pattern",
    type: "string",
    schemaType: "string",
    compile(pattern: string, schema) {
      const { maxLength = Infinity, maxBytes = Infinity } = schema as StringLimits;
      const expression = new RegExp(pattern, "u");
      // A code point has at most two units, and a unit at least one byte.
      const longest = Math.min(maxLength * 2, maxBytes);
      return (text: string) => text.length > longest || expression.test(text);
    },
  },
];

function byteLength(value: unknown): number {
  return Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
}
