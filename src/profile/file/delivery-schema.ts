import { REJECTION_REASONS } from "../model/rules.ts";

const HTTP = {
  status: { type: "integer", minimum: 400, maximum: 599 },
  www_authenticate: {
    type: "string",
    maxLength: 512,
    pattern: "^[\\x21-\\x7e][\\x20-\\x7e]*$",
    allowed: "at most 512 printable ASCII characters, without control characters",
  },
} as const;

const CLOSE = {
  // RFC 6455, 7.4.2: 3000 to 4999 are free for applications; 1008 is "policy violation".
  code: {
    type: "integer",
    anyOf: [{ const: 1008 }, { minimum: 3000, maximum: 4999 }],
    allowed: "1008 or from 3000 to 4999",
  },
  // RFC 6455, 5.5: a control frame has 125 bytes, two of them are the code.
  reason: { type: "string", maxBytes: 123 },
} as const;

function byReason(properties: object): object {
  return {
    type: "object",
    default: {},
    propertyNames: { enum: REJECTION_REASONS },
    additionalProperties: { type: "object", additionalProperties: false, properties },
  };
}

/** JSON Schema of a profile file's `surfaces`. */
export const SURFACES_SCHEMA = {
  type: "object",
  default: {},
  additionalProperties: false,
  properties: {
    http: {
      type: "object",
      additionalProperties: false,
      required: ["status"],
      properties: { ...HTTP, reasons: byReason(HTTP) },
    },
    websocket: {
      type: "object",
      additionalProperties: false,
      required: ["code"],
      properties: { ...CLOSE, reasons: byReason(CLOSE) },
    },
    frame: {
      type: "object",
      additionalProperties: false,
      properties: {
        accepted: { type: ["object", "array"] },
        rejected: { type: ["object", "array"] },
        silent: { type: "array", default: [], uniqueItems: true, items: { enum: REJECTION_REASONS } },
      },
    },
  },
} as const;

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
