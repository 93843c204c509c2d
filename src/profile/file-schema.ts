const SECONDS = { type: "string", duration: true } as const;
const SOURCES = ["issuer", "subject", "audience", "caller", "issued_at", "expires_at", "token_id"];
const CLAIM_NAME = {
  type: "string",
  minLength: 1,
  maxLength: 64,
  not: { enum: ["__proto__", "constructor", "prototype"] },
};

/** JSON Schema 2020-12 of a profile's file. */
export const PROFILE_FILE_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["profile", "keys", "lifetime", "request", "claims", "accept"],
  properties: {
    profile: { type: "string", pattern: "^[a-z0-9-]{1,64}$" },
    description: { type: "string", default: "" },
    header: {
      type: "object",
      additionalProperties: false,
      default: {},
      properties: { typ: { type: "string", minLength: 1 } },
    },
    keys: {
      type: "object",
      additionalProperties: false,
      required: ["keyset", "algorithm"],
      properties: {
        keyset: { type: "string", pattern: "^[a-z0-9-]{1,64}$" },
        algorithm: { enum: ["EdDSA"] },
      },
    },
    lifetime: {
      type: "object",
      additionalProperties: false,
      required: ["default", "max"],
      properties: {
        default: SECONDS,
        min: { ...SECONDS, default: "1s" },
        max: SECONDS,
        leeway: { ...SECONDS, default: "0s" },
      },
    },
    request: { type: "object" },
    claims: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        additionalProperties: false,
        properties: {
          name: CLAIM_NAME,
          from: { enum: SOURCES },
          value: { type: ["string", "number", "boolean"] },
          rest: { enum: ["request"] },
        },
        oneOf: [{ required: ["name", "from"] }, { required: ["name", "value"] }, { required: ["rest"] }],
      },
    },
    accept: { type: "object" },
  },
} as const;
