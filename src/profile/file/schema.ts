import type { Static } from "typebox";
import { ALGORITHMS, KEYSET_ALGORITHMS } from "../../keys/model.ts";
import { choose, objectSchema } from "../../schema/object-schema.ts";
import { RATE_LIMIT_SCHEMA } from "../../schema/rate-limit.ts";
import type { ClaimRule } from "../model/claims.ts";
import { PROTOTYPE_NAMES } from "../model/names.ts";
import { RULE_REASONS } from "../model/rules.ts";
import { MOST_SESSIONS } from "../model/sessions.ts";
import { CARRIER_SCHEMA, type CarrierInFile, SURFACES_SCHEMA } from "./delivery-schema.ts";

const DURATION = { type: "string", duration: true } as const;
const NAME = { type: "string", pattern: "^[a-z0-9-]{1,64}$", allowed: "1 to 64 of a-z 0-9 -" } as const;
/** What would let a token choose its key, its algorithm or its rules (RFC 8725, 3.10), or what the profile has keys for. */
const OWN_PARAMETERS = ["alg", "kid", "typ", "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"];
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

const PARAMETERS = {
  type: "object",
  default: {},
  maxProperties: 16,
  propertyNames: {
    type: "string",
    minLength: 1,
    maxLength: 64,
    // JavaScript would move a number to the front.
    not: { anyOf: [{ enum: [...OWN_PARAMETERS, ...PROTOTYPE_NAMES] }, { pattern: "^\\d+$" }] },
  },
  additionalProperties: { type: ["string", "number", "boolean"], maxBytes: 255 },
} as const;

/** How long a connection may live, or be idle. */
const CLOCK = { ...DURATION, durationFrom: ["1s", "365d"] } as const;

const CLAIM_PATH = {
  type: "string",
  maxLength: 259,
  pattern: "^[^.]{1,64}(\\.[^.]{1,64}){0,3}$",
  allowed: "a claim, or the path of a member of it: at most four names with a point between them",
} as const;

const SESSION_LIMIT = {
  type: ["integer", "string"],
  ...choose({ type: "string" }, CLAIM_PATH, { type: "integer", minimum: 1, maximum: MOST_SESSIONS }),
} as const;

/** What events say of a token; the rest of its claims is only in its digest. */
const AUDIT = objectSchema({
  claims: { type: "array", default: [], maxItems: 32, items: CLAIM_PATH },
  subject: { enum: ["hash", "clear"], default: "hash" },
  mode: { enum: ["spool", "strict"], default: "spool" },
});

const SUBJECT = {
  type: ["string", "object"],
  ...choose(
    { type: "object" },
    objectSchema({ claim: CLAIM_NAME, may_be_empty: { type: "boolean", default: false } }, ["claim"]),
    CLAIM_NAME,
  ),
} as const;

const KEYSET = objectSchema({ keyset: NAME, algorithm: { enum: KEYSET_ALGORITHMS } }, ["keyset", "algorithm"]);

const IMPORTED_ALGORITHM = { enum: ALGORITHMS } as const;

const IMPORTED = objectSchema(
  {
    imported: choose({ type: "array" }, { type: "array", minItems: 1, items: IMPORTED_ALGORITHM }, IMPORTED_ALGORITHM),
    encoding: { enum: ["utf8", "base64", "base64url", "hex"] },
  },
  ["imported"],
);

const KEYS = { type: "object", ...choose({ required: ["imported"] }, IMPORTED, KEYSET) } as const;

const LIFETIME = objectSchema(
  {
    exp: { enum: ["required", "optional", "absent"] },
    default: DURATION,
    min: { ...DURATION, default: "1s" },
    max: DURATION,
    extended: objectSchema({ by: MEMBER, max: DURATION }, ["by", "max"]),
    from: MEMBER,
    max_age: DURATION,
    leeway: { ...DURATION, default: "0s" },
    skew: { ...DURATION, default: "60s" },
    session_max: CLOCK,
    idle_max: CLOCK,
  },
  ["exp"],
);

const CLAIM = {
  ...objectSchema({
    name: CLAIM_NAME,
    from: {
      type: "string",
      maxLength: 268,
      pattern: `^(${SOURCES}|request(\\.[^.]{1,64}){1,4})$`,
      allowed: `request.<member> or one of ${SOURCES.replaceAll("|", ", ")}`,
    },
    value: { type: ["string", "number", "boolean"] },
    cel: EXPRESSION,
    rest: { enum: ["request"] },
    minus: DURATION,
    order: { enum: ["schema"] },
  }),
  oneOf: [
    { required: ["name", "from"] },
    { required: ["name", "value"] },
    { required: ["name", "cel"] },
    { required: ["rest"], properties: { name: false } },
  ],
  allowed: "a name with exactly one of from, value and cel, or rest alone",
} as const;

const NORMALISE_STEP = {
  anyOf: [
    { const: "trim" },
    objectSchema({ drop_prefix: MEMBER }, ["drop_prefix"]),
    objectSchema({ drop_suffix: MEMBER }, ["drop_suffix"]),
  ],
  allowed: "trim, { drop_prefix: text } or { drop_suffix: text }",
} as const;

export type NormaliseStep = Static<typeof NORMALISE_STEP>;

const RULE = objectSchema({ require: EXPRESSION, reason: { enum: RULE_REASONS }, message: SENTENCE }, [
  "require",
  "reason",
  "message",
]);

const WARNING = objectSchema(
  {
    when: EXPRESSION,
    code: { type: "string", pattern: "^[A-Z][A-Z0-9_]{0,63}$", allowed: "1 to 64 of A-Z 0-9 _" },
    message: SENTENCE,
  },
  ["when", "code", "message"],
);

const PREFIX_LENGTHS = objectSchema({
  v4: { type: "integer", minimum: 1, maximum: 32, default: 32 },
  v6: { type: "integer", minimum: 1, maximum: 128, default: 128 },
});

/** JSON Schema 2020-12 of a profile's file. */
export const PROFILE_FILE_SCHEMA = objectSchema(
  {
    profile: NAME,
    description: { type: "string", default: "" },
    credential: { type: "boolean", default: false },
    issuer: { type: "string", minLength: 1, maxBytes: 255, default: "service" },
    tenant: objectSchema({ claim: CLAIM_NAME }),
    subject: SUBJECT,
    header: {
      ...objectSchema({
        typ: MEMBER,
        accept_typ: { type: "array", default: [], maxItems: 16, items: MEMBER },
        kid: { enum: ["required", "absent"] },
        parameters: PARAMETERS,
      }),
      default: {},
    },
    keys: KEYS,
    lifetime: LIFETIME,
    sessions: objectSchema({ limit: SESSION_LIMIT, by: CLAIM_PATH }),
    one_time: { type: "boolean", default: false },
    audit: { ...AUDIT, default: {} },
    request: { type: "object", required: ["type"], properties: { type: { const: "object" } } },
    claims: { type: "array", minItems: 1, maxItems: 64, items: CLAIM },
    // A JSON Schema of its own, for the claims of each token that is issued or verified.
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
    rules: { type: "array", default: [], items: RULE },
    warnings: { type: "array", default: [], items: WARNING },
    ip: objectSchema(
      { mode: { enum: ["off", "warn", "enforce"] }, claim: CLAIM_NAME, prefix: { ...PREFIX_LENGTHS, default: {} } },
      ["mode", "claim"],
    ),
    carriers: { type: "array", default: [], items: CARRIER_SCHEMA },
    surfaces: SURFACES_SCHEMA,
    quarantine: objectSchema(
      {
        deadline: { ...DURATION, durationFrom: ["1s", "10m"] },
        max_failures: { type: "integer", minimum: 1, maximum: 100 },
      },
      ["deadline", "max_failures"],
    ),
    metering: { ...objectSchema({ client_ip: RATE_LIMIT_SCHEMA, subject: RATE_LIMIT_SCHEMA }), default: {} },
  },
  ["profile", "keys", "lifetime", "request", "claims", "accept"],
);

/** A profile's file as written, with defaults filled in: its syntax is checked, its meaning is not. */
export interface ProfileFile extends Omit<Static<typeof PROFILE_FILE_SCHEMA>, "claims" | "carriers"> {
  // The inferred type does not say which of their keys go together.
  claims: ClaimRule[];
  carriers: CarrierInFile[];
}
