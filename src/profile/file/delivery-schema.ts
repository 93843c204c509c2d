import type { Static } from "typebox";
import { objectSchema } from "../../schema/object-schema.ts";
import { REJECTION_REASONS } from "../model/rules.ts";

const REASON = { enum: REJECTION_REASONS } as const;

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
  // RFC 6455, 5.5: a control frame holds 125 bytes, two of which are the code.
  reason: { type: "string", maxBytes: 123 },
} as const;

const TEMPLATE = { type: ["object", "array"] } as const;

/** The values that single reasons show instead. */
function byReason<const P extends Readonly<Record<string, object>>>(properties: P) {
  return {
    type: "object",
    default: {},
    propertyNames: REASON,
    additionalProperties: objectSchema(properties),
  } as const;
}

/** JSON Schema of a profile file's `surfaces`. */
export const SURFACES_SCHEMA = {
  ...objectSchema({
    http: objectSchema({ ...HTTP, reasons: byReason(HTTP) }, ["status"]),
    websocket: objectSchema({ ...CLOSE, reasons: byReason(CLOSE) }, ["code"]),
    frame: objectSchema({
      accepted: TEMPLATE,
      rejected: TEMPLATE,
      silent: { type: "array", default: [], uniqueItems: true, items: REASON },
    }),
  }),
  default: {},
} as const;

export type SurfacesInFile = Static<typeof SURFACES_SCHEMA>;

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

function carrier<const P extends Readonly<Record<string, object>>, const R extends keyof P & string>(
  properties: P,
  required: readonly R[],
) {
  return objectSchema({ in: {}, max_bytes: {}, optional: {}, ...properties }, required);
}

/** The other keys of a carrier, by its `in`. */
const CARRIERS = {
  header: carrier({ name: HTTP_TOKEN, scheme: HTTP_TOKEN, scheme_optional: { type: "boolean" } }, ["name"]),
  query: carrier({ name: FIELD_NAME }, ["name"]),
  cookie: carrier({ name: HTTP_TOKEN }, ["name"]),
  body: carrier({ name: FIELD_NAME }, ["name"]),
  frame: carrier({ prefix: { type: "string", maxBytes: 64 } }, ["prefix"]),
};

/** JSON Schema of one of a profile file's `carriers`. */
export const CARRIER_SCHEMA = {
  type: "object",
  required: ["in"],
  properties: {
    in: { enum: Object.keys(CARRIERS) },
    max_bytes: MAX_BYTES,
    optional: { type: "boolean", default: false },
  },
  allOf: Object.entries(CARRIERS).map(([kind, then]) => ({ if: { properties: { in: { const: kind } } }, then })),
};

/** One of a profile file's `carriers`. */
export type CarrierInFile = {
  [Kind in keyof typeof CARRIERS]: Static<(typeof CARRIERS)[Kind]> & {
    in: Kind;
    max_bytes: number;
    optional: boolean;
  };
}[keyof typeof CARRIERS];
