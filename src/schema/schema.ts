import { Ajv2020, type FuncKeywordDefinition, type ValidateFunction } from "ajv/dist/2020.js";
import { durationMs } from "./duration.ts";
import { compileLinearPattern, type LinearPattern, LONGEST_TEXT } from "./linear-pattern.ts";
import { type Violation, violationsOf } from "./violations.ts";

/** Checks a value, after filling in the defaults of its schema where those are on. Returns at most 100 violations. */
export type Check = (value: unknown) => Violation[];

// Not optimised by ajv: that takes a third of the time of compiling, and V8 makes checks as fast without it.
const CODE = { optimize: false };

// Shared: it compiles the meta-schema, which takes longer than most schemas.
const metaSchema = new Ajv2020({ code: CODE });

/** About 40 ms, in which no other call is served, for a pattern and a text that are made for each other. */
const MOST_STEPS = 524_288;

const ENGINE = Object.assign((pattern: string) => boundedPattern(pattern, LONGEST_TEXT), { code: "linearPattern" });

/**
 * Compiles a JSON Schema 2020-12. Compiling takes milliseconds and checking microseconds. Patterns are RE2 and run in
 * linear time. Added keywords: `maxBytes` limits a string by its UTF-8 bytes, an object or array by the bytes of its
 * compact JSON; `distinctLetters: CRUD` accepts a selection of these letters, each at most once; `duration: true`
 * accepts texts such as `90s`, and `durationFrom: [min, max]` limits them; `allowed` is the human-readable rule that a
 * fault repeats.
 *
 * @throws Error when the schema itself is wrong; the message names the place.
 */
export function compileSchema(schema: object, options: { readonly defaults: boolean }): Check {
  // An asynchronous check returns a promise, which would count as true.
  if ("$async" in schema) throw new Error("$async is not allowed");
  void metaSchema.validateSchema(schema, true);
  const ajv = new Ajv2020({
    validateSchema: false,
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    useDefaults: options.defaults,
    ownProperties: true,
    verbose: true,
    // Used by patternProperties.
    code: { ...CODE, regExp: ENGINE },
  });
  ajv.removeKeyword("pattern");
  for (const keyword of TEXT_KEYWORDS) ajv.addKeyword(keyword);
  ajv.addKeyword({
    keyword: "duration",
    schemaType: "boolean",
    validate: (_on: boolean, text: unknown) => typeof text === "string" && durationMs(text) !== undefined,
    error: { message: "must be a duration such as 500ms, 90s, 15m, 24h or 30d" },
  });
  ajv.addKeyword({
    keyword: "durationFrom",
    schemaType: "array",
    validate: ([min, max]: [string, string], text: unknown) => {
      const ms = durationMs(String(text));
      return ms === undefined || (ms >= (durationMs(min) ?? 0) && ms <= (durationMs(max) ?? 0));
    },
    error: { message: ({ schema }) => `must be from ${schema[0]} to ${schema[1]}` },
  });
  ajv.addKeyword({ keyword: "allowed", schemaType: "string" });
  const validate: ValidateFunction = ajv.compile(schema);
  return (value) => (validate(value) ? [] : violationsOf(validate.errors ?? []).slice(0, 100));
}

/** Compiles a schema that is part of the program when it is first used: most commands and tests load it in vain. */
export function compileOnUse(schema: object, options: { readonly defaults: boolean }): Check {
  let check: Check | undefined;
  return (value) => {
    check ??= compileSchema(schema, options);
    return check(value);
  };
}

interface StringLimits {
  readonly maxLength?: number;
  readonly maxBytes?: number;
}

/** `maxBytes`, `distinctLetters`, and a `pattern` that skips texts which the size limits beside it reject anyway. */
const TEXT_KEYWORDS: readonly FuncKeywordDefinition[] = [
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
      // A code point has at most two UTF-16 units, and each unit takes at least one byte.
      const longest = Math.min(maxLength * 2, maxBytes);
      const expression = boundedPattern(pattern, longest);
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

/** Linear is not enough: a pattern that repeats much, in many ways, may follow each repetition for each character. */
function boundedPattern(pattern: string, longest: number): LinearPattern {
  const compiled = compileLinearPattern(pattern);
  if (compiled.mostSteps(longest) <= MOST_STEPS) return compiled;
  throw new Error(`the pattern "${pattern}" repeats too much for a long text: limit the length with maxLength`);
}

function byteLength(value: unknown): number {
  return Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
}
