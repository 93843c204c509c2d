import { PROTOTYPE_NAMES } from "../model/names.ts";
import { RULE_REASONS } from "../model/rules.ts";
import { CARRIER_SCHEMA, SURFACES_SCHEMA } from "./delivery-schema.ts";

const DURATION = { type: "string", duration: true } as const;
const NAME = { type: "string", pattern: "^[a-z0-9-]{1,64}$", allowed: "1 to 64 of a-z 0-9 -" } as const;
const EXPRESSION = { type: "string", minLength: 1, maxLength: 2048 } as const;
const SENTENCE = { type: "string", minLength: 1, maxBytes: 200 } as const;
const MEMBER = { type: "string", minLength: 1, maxLength: 64 } as const;
const SOURCES = "issuer|subject|audience|caller|tenant|client_ip|issued_at|expires_at|token_id";
const CLAIM_NAME = {
  type: "string",
  minLength: 1,
  maxLength: 64,
  not: { enum: [...PROTOTYPE_NAMES] },
  allowed: `1 to 64 characters, and none of ${[...PROTOTYPE_NAMES].join(", ")}`,
} as const;

function object(required: readonly string[], properties: object, more: object = {}): object {
  return { type: "object", additionalProperties: false, required, properties, ...more };
}

const KEYS = {
  type: "object",
  if: { required: ["imported"] },
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema has it so
  then: object(["imported", "encoding"], {
    imported: { enum: ["HS256"] },
    encoding: { enum: ["utf8", "base64", "base64url", "hex"] },
  }),
  else: object(["keyset", "algorithm"], {
    keyset: NAME,
    algorithm: { enum: ["EdDSA", "ES256", "RS256", "PS256"] },
  }),
} as const;

const LIFETIME = object(["exp"], {
  exp: { enum: ["required", "optional", "absent"] },
  default: DURATION,
  min: { ...DURATION, default: "1s" },
  max: DURATION,
  extended: object(["by", "max"], { by: MEMBER, max: DURATION }),
  from: MEMBER,
  max_age: DURATION,
  leeway: { ...DURATION, default: "0s" },
  skew: { ...DURATION, default: "60s" },
});

const CLAIM = object(
  [],
  {
    name: CLAIM_NAME,
    from: {
      type: "string",
      pattern: `^(${SOURCES}|request(\\.[^.]{1,64}){1,4})$`,
      allowed: `request.<member> or one of ${SOURCES.replaceAll("|", ", ")}`,
    },
    // Beyond them YAML's integers lose digits.
    value: {
      type: ["string", "number", "boolean"],
      minimum: Number.MIN_SAFE_INTEGER,
      maximum: Number.MAX_SAFE_INTEGER,
    },
    cel: EXPRESSION,
    rest: { enum: ["request"] },
  },
  {
    oneOf: [
      { required: ["name", "from"] },
      { required: ["name", "value"] },
      { required: ["name", "cel"] },
      { required: ["rest"], properties: { name: false } },
    ],
    allowed: "a name with exactly one of from, value and cel, or rest alone",
  },
);

const NORMALISE_STEP = {
  anyOf: [
    { const: "trim" },
    object(["drop_prefix"], { drop_prefix: MEMBER }),
    object(["drop_suffix"], { drop_suffix: MEMBER }),
  ],
  allowed: "trim, { drop_prefix: text } or { drop_suffix: text }",
} as const;

/** JSON Schema 2020-12 of a profile's file. */
export const PROFILE_FILE_SCHEMA = object(["profile", "keys", "lifetime", "request", "claims", "accept"], {
  profile: NAME,
  description: { type: "string", default: "" },
  issuer: { type: "string", minLength: 1, maxBytes: 255, default: "service" },
  tenant: object([], { claim: CLAIM_NAME }),
  subject: CLAIM_NAME,
  header: object(
    [],
    { typ: { type: "string", minLength: 1, maxLength: 64 }, kid: { enum: ["required", "absent"] } },
    { default: {} },
  ),
  keys: KEYS,
  lifetime: LIFETIME,
  request: { type: "object", required: ["type"], properties: { type: { const: "object" } } },
  claims: { type: "array", minItems: 1, maxItems: 64, items: CLAIM },
  accept: { type: "object" },
  aliases: {
    type: "object",
    default: {},
    propertyNames: CLAIM_NAME,
    additionalProperties: { type: "array", minItems: 1, items: CLAIM_NAME },
  },
  context: { type: "object" },
  normalise: {
    type: "object",
    default: {},
    propertyNames: NAME,
    additionalProperties: { type: "array", minItems: 1, items: NORMALISE_STEP },
  },
  rules: {
    type: "array",
    default: [],
    items: object(["require", "reason", "message"], {
      require: EXPRESSION,
      reason: { enum: RULE_REASONS },
      message: SENTENCE,
    }),
  },
  warnings: {
    type: "array",
    default: [],
    items: object(["when", "code", "message"], {
      when: EXPRESSION,
      code: { type: "string", pattern: "^[A-Z][A-Z0-9_]{0,63}$", allowed: "1 to 64 of A-Z 0-9 _" },
      message: SENTENCE,
    }),
  },
  ip: object(["mode", "claim"], {
    mode: { enum: ["off", "warn", "enforce"] },
    claim: CLAIM_NAME,
    prefix: object(
      [],
      {
        v4: { type: "integer", minimum: 1, maximum: 32, default: 32 },
        v6: { type: "integer", minimum: 1, maximum: 128, default: 128 },
      },
      { default: {} },
    ),
  }),
  carriers: { type: "array", default: [], items: CARRIER_SCHEMA },
  surfaces: SURFACES_SCHEMA,
  quarantine: object(["deadline", "max_failures"], {
    deadline: { ...DURATION, durationFrom: ["1s", "10m"] },
    max_failures: { type: "integer", minimum: 1, maximum: 100 },
  }),
});
