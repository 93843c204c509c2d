/** The longest token in characters, whatever carries it. */
export const LONGEST_TOKEN = 8192;

// RFC 9110, 5.6.2
const HTTP_TOKEN = {
  type: "string",
  maxLength: 64,
  pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
  allowed: "1 to 64 letters, digits or !#$%&'*+.^_`|~-",
} as const;
const FIELD_NAME = { type: "string", minLength: 1, maxBytes: 64 } as const;
const MAX_BYTES = { type: "integer", minimum: 256, maximum: LONGEST_TOKEN, default: LONGEST_TOKEN } as const;

function carrier(kind: string, required: string[], properties: object): object {
  return {
    if: { properties: { in: { const: kind } } },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema has it so
    then: { required, additionalProperties: false, properties: { in: {}, max_bytes: {}, ...properties } },
  };
}

/** JSON Schema of one of a profile file's `carriers`. */
export const CARRIER_SCHEMA = {
  type: "object",
  required: ["in"],
  properties: { in: { enum: ["header", "query", "cookie", "body", "frame"] }, max_bytes: MAX_BYTES },
  allOf: [
    carrier("header", ["name"], { name: HTTP_TOKEN, scheme: HTTP_TOKEN, scheme_optional: { type: "boolean" } }),
    carrier("query", ["name"], { name: FIELD_NAME }),
    carrier("cookie", ["name"], { name: HTTP_TOKEN }),
    carrier("body", ["name"], { name: FIELD_NAME }),
    carrier("frame", ["prefix"], { prefix: { type: "string", maxBytes: 64 } }),
  ],
} as const;
