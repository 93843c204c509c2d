import type { FuncKeywordDefinition } from "ajv/dist/2020.js";
import { linearPattern } from "./linear-pattern.ts";

interface StringLimits {
  readonly maxLength?: number;
  readonly maxBytes?: number;
}

/** `maxBytes`, `distinctLetters`, and a `pattern` that looks at no text which the size limits beside it refuse. */
export const TEXT_KEYWORDS: readonly FuncKeywordDefinition[] = [
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
      const expression = linearPattern(pattern);
      // A code point has at most two units, and a unit at least one byte.
      const longest = Math.min(maxLength * 2, maxBytes);
      return (text: string) => text.length > longest || expression.test(text);
    },
  },
  {
    keyword: "distinctLetters",
    type: "string",
    schemaType: "string",
    validate: (letters: string, text: string) =>
      text.length <= letters.length &&
      new Set(text).size === text.length &&
      [...text].every((one) => letters.includes(one)),
    error: { message: ({ schema }) => `must be letters of ${schema}, each at most once` },
  },
];

function byteLength(value: unknown): number {
  return Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
}
