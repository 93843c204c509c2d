import test from "ava";
import { compileProfile } from "../../../src/profile/compile/compile.ts";
import { formatFault } from "../../../src/schema/fault.ts";
import { tinyProfile } from "../../support/profiles/tiny-profile.ts";

/** Every fault of a text as it is printed, without the file's name. */
function faults(text: string): string[] {
  const found = compileProfile(text, "tiny.yaml", "https://i");
  return Array.isArray(found) ? found.map((fault) => formatFault(fault).replace("tiny.yaml:", "")) : [];
}

const KEYS =
  "profile, description, credential, issuer, tenant, subject, header, keys, lifetime, sessions, one_time, audit, request, claims, accept, aliases, context, normalise, rules, warnings, ip, carriers, surfaces, quarantine, metering";
const LIFETIME = "lifetime: { exp: required, default: 5m, max: 1h";
const OPEN_REQUEST = "request: { type: object }";
const CONTEXT = "context: { type: object, additionalProperties: false, properties: { ip: {} } }";
const BYTES_124 = "é".repeat(62);
const deep = (levels: number) => `${"{ a: ".repeat(levels)}1${" }".repeat(levels)}`;

const rule = (expression: string) => `rules: [{ require: '${expression}', reason: NOT_PERMITTED, message: m }]`;

const fromRequest = (schema: string) =>
  tinyProfile({ 4: `request: { type: object, ${schema} }`, 7: "  - { name: a, from: request.a }" });

for (const [what, changes, ...expected] of [
  // form
  ["a name with capitals", { 1: "profile: Tiny" }, "1 profile: must be 1 to 64 of a-z 0-9 -"],
  ["no name", { 1: "" }, "2 profile: is required"],
  ["an unknown key", { 9: "colour: blue" }, `9 colour: is not a known key (known: ${KEYS})`],
  [
    "an unknown key further in",
    { 2: "keys: { keyset: a, algorithm: EdDSA, size: 1 }" },
    "2 keys.size: is not a known key (known: keyset, algorithm)",
  ],
  ["a key of the prototype", { 9: "constructor: {}" }, `9 constructor: is not a known key (known: ${KEYS})`],
  ["the prototype", { 9: "__proto__: {}" }, `9 __proto__: is not a known key (known: ${KEYS})`],
  // keys
  [
    "an algorithm that is not served",
    { 2: "keys: { keyset: a, algorithm: none }" },
    '2 keys.algorithm: must be one of ["EdDSA","ES256","RS256","PS256"]',
  ],
  ["imported keys without an encoding", { 2: "keys: { imported: HS256 }" }, "2 keys.encoding: is required"],
  [
    "imported private keys with an encoding",
    { 2: "keys: { imported: [RS256, ES256], encoding: hex }" },
    "2 keys.encoding: is for secrets: a private key is in PEM, or a JWK",
  ],
  [
    "secrets beside private keys without an encoding",
    { 2: "keys: { imported: [RS256, HS512] }" },
    "2 keys.encoding: is required",
  ],
  [
    "imported keys of no algorithm",
    { 2: "keys: { imported: [] }" },
    "2 keys.imported: must NOT have fewer than 1 items",
  ],
  [
    "imported keys of an algorithm that is not served",
    { 2: "keys: { imported: [none] }" },
    '2 keys.imported[0]: must be one of ["HS256","HS384","HS512","EdDSA","ES256","RS256","PS256"]',
  ],
  [
    "keys that are imported and rotate",
    { 2: "keys: { imported: HS256, encoding: hex, keyset: a }" },
    "2 keys.keyset: is not a known key (known: imported, encoding)",
  ],
  [
    "a keyset without kid",
    { 9: "header: { kid: absent }" },
    "9 header.kid: must be required for a keyset: its keys rotate, and verifiers find one by its kid",
  ],
  [
    "another typ for a keyset",
    { 9: "header: { typ: a+jwt, accept_typ: [JWT] }" },
    "9 header.accept_typ: is for imported keys: the typ of a keyset's tokens distinguishes them from those of other profiles",
  ],
  [
    "another typ that is no text",
    { 2: "keys: { imported: HS256, encoding: hex }", 9: "header: { accept_typ: [null] }" },
    "9 header.accept_typ[0]: must be string",
  ],
  [
    "parameters of the header that are no plain values",
    { 9: "header: { parameters: { a: null, b: [1] } }" },
    "9 header.parameters.a: must be string or number or boolean",
    "9 header.parameters.b: must be string or number or boolean",
  ],
  // lifetime
  [
    "a lifetime that is no duration",
    { 3: "lifetime: { exp: required, default: 300, max: 1h }" },
    "3 lifetime.default: must be string",
    "3 lifetime.default: must be a duration such as 500ms, 90s, 15m, 24h or 30d",
  ],
  [
    "a lifetime of part of a second",
    { 3: "lifetime: { exp: required, default: 1500ms, max: 1h }" },
    "3 lifetime.default: must be whole seconds",
  ],
  [
    "a default above the max",
    { 3: "lifetime: { exp: required, default: 2h, max: 1h }" },
    "3 lifetime.default: must lie between min (1s) and max (1h)",
  ],
  [
    "a default below the min",
    { 3: "lifetime: { exp: required, default: 1s, min: 2s, max: 1h }" },
    "3 lifetime.default: must lie between min (2s) and max (1h)",
  ],
  ["a min of nothing", { 3: `${LIFETIME}, min: 0s }` }, "3 lifetime.min: must be at least 1s"],
  [
    "a max below the min",
    { 3: "lifetime: { exp: required, default: 5s, min: 10s, max: 5s }" },
    "3 lifetime.max: must be at least min (10s)",
    "3 lifetime.default: must lie between min (10s) and max (5s)",
  ],
  [
    "no default where exp is required",
    { 3: "lifetime: { exp: required, max: 1h }" },
    "3 lifetime.default: is required where exp is required and no `from` is given",
  ],
  [
    "a default beside a ttl from the request",
    { 3: `${LIFETIME}, from: a }`, 4: "request: { type: object, required: [a], properties: { a: {} } }" },
    "3 lifetime.default: is not allowed together with `from`",
  ],
  [
    "a ttl from a member that a request may leave out",
    { 3: "lifetime: { exp: required, max: 1h, from: a }" },
    "3 lifetime.from: request.a must be required in the request schema, because exp is required",
  ],
  [
    "a ttl from an unknown member",
    { 3: "lifetime: { exp: required, max: 1h, from: b }" },
    "3 lifetime.from: request.b is not a member of the request schema",
  ],
  [
    "a longer life by an unknown member",
    { 3: `${LIFETIME}, extended: { by: b, max: 2h } }` },
    "3 lifetime.extended.by: request.b is not a member of the request schema",
  ],
  [
    "a longer life that is not longer",
    { 3: `${LIFETIME}, extended: { by: a, max: 1h } }` },
    "3 lifetime.extended.max: must be more than max (1h)",
  ],
  [
    "tokens that never expire",
    { 3: "lifetime: { exp: optional, max: 1h }" },
    "3 lifetime.max_age: is required where exp is not required: such a token would never expire",
  ],
  [
    "a default where exp is optional",
    {
      3: "lifetime: { exp: optional, default: 5m, max: 1h, max_age: 1h }",
      6: "  - { name: iss, from: issuer }\n  - { name: iat, from: issued_at }",
    },
    "3 lifetime.default: is not allowed where exp is not required: without a ttl there is no exp",
  ],
  [
    "a max age below the max",
    {
      3: "lifetime: { exp: optional, max: 1h, max_age: 5m }",
      6: "  - { name: iss, from: issuer }\n  - { name: iat, from: issued_at }",
    },
    "3 lifetime.max_age: must be at least the longest ttl (1h)",
  ],
  [
    "a max age and no iat",
    { 3: `${LIFETIME}, max_age: 1h }` },
    "6 claims: must include iat, because lifetime.max_age counts from it",
  ],
  [
    "a max where exp is absent",
    { 3: "lifetime: { exp: absent, max: 1h, max_age: 1h }", 7: "  - { name: iat, from: issued_at }" },
    "3 lifetime.max: is not allowed where exp is absent",
  ],
  [
    "clocks of connections that are no times, or idle for longer than they may live",
    { 3: `${LIFETIME}, session_max: 0s, idle_max: 366d }` },
    "3 lifetime.session_max: must be from 1s to 365d",
    "3 lifetime.idle_max: must be from 1s to 365d",
  ],
  [
    "connections that may be idle for longer than they live",
    { 3: `${LIFETIME}, session_max: 1h, idle_max: 2h }` },
    "3 lifetime.idle_max: must be at most session_max (1h)",
  ],
  // sessions
  ["sessions without room", { 9: "sessions: { limit: 0 }" }, "9 sessions.limit: must be >= 1"],
  ["more sessions than one record holds", { 9: "sessions: { limit: 10001 }" }, "9 sessions.limit: must be <= 10000"],
  [
    "paths that are none",
    { 9: "sessions: { limit: a..b, by: a.b.c.d.e }" },
    "9 sessions.limit: must be a claim, or the path of a member of it: at most four names with a point between them",
    "9 sessions.by: must be a claim, or the path of a member of it: at most four names with a point between them",
  ],
  ["sessions that are counted, and not limited", { 9: "sessions: { by: token }" }, "9 sessions.by: needs a limit"],
  [
    "a limit and a counter in claims that no token has",
    { 9: "sessions: { limit: ws.max, by: account }" },
    "9 sessions.limit: ws.max is not among the claims",
    "9 sessions.by: account is not among the claims",
  ],
  [
    "a limit without a maximum, and a counter by a list",
    {
      7: "  - { name: exp, from: expires_at }\n  - { name: a, from: request.a }\n  - { name: o, from: request.o }",
      8: "accept: { properties: { a: { properties: { n: { type: integer, minimum: 1 } } }, o: { type: array } } }",
      9: "sessions: { limit: a.n, by: o }",
    },
    "11 sessions.limit: a.n must be an integer in the accept schema, with a minimum and a maximum within 1 to 10000",
    "11 sessions.by: o must be a string or an integer in the accept schema",
  ],
  [
    "sessions by a subject that no token has",
    { 9: "sessions: { limit: 1, by: subject }" },
    "9 sessions.by: needs a claim with the subject: without one no token has a subject",
  ],
  [
    "sessions by a subject that may be empty",
    {
      7: "  - { name: exp, from: expires_at }\n  - { name: sub, from: subject }",
      9: "subject: { claim: sub, may_be_empty: true }",
      10: "sessions: { limit: 1, by: subject }",
    },
    "11 sessions.by: must not be a subject that may be empty: anonymous clients would share a limit",
  ],
  // claims
  ["no iss", { 6: "  - { name: a, value: b }" }, "6 claims: must include iss, unless the profile says `issuer: none`"],
  ["no exp", { 7: "  - { name: a, value: b }" }, "6 claims: must include exp, because lifetime.exp is required"],
  [
    "an exp where it is absent",
    {
      3: "lifetime: { exp: absent, max_age: 1h }",
      6: "  - { name: iss, from: issuer }\n  - { name: iat, from: issued_at }",
    },
    "8 claims[2].from: has no value where lifetime.exp is absent",
  ],
  [
    "an issuer that is not signed",
    { 9: "issuer: none" },
    "6 claims[0].from: needs an issuer in the profile, not `issuer: none`",
  ],
  ["an exp of its own", { 7: "  - { name: exp, value: 1 }" }, "7 claims[1]: exp must be taken from expires_at"],
  [
    "a jti from the request",
    { 8: "  - { name: jti, from: request.a }\naccept: { type: object }" },
    "8 claims[2]: jti must be taken from token_id",
  ],
  [
    "a claim twice",
    { 7: "  - { name: exp, from: expires_at }\n  - { name: exp, from: expires_at }" },
    "8 claims[2]: is signed twice",
  ],
  [
    "the rest twice",
    { 7: "  - { name: exp, from: expires_at }\n  - { rest: request }\n  - { rest: request }" },
    "9 claims[3]: is signed twice",
  ],
  [
    "a minus where it would say nothing",
    { 7: "  - { name: exp, from: expires_at, minus: 1s }\n  - { name: nbf, value: 0, minus: 1s }" },
    "7 claims[1].minus: is for nbf from issued_at alone",
    "8 claims[2].minus: is for nbf from issued_at alone",
  ],
  [
    "a minus beside the rest",
    { 7: "  - { name: exp, from: expires_at }\n  - { rest: request, minus: 1s }" },
    "8 claims[2].minus: is for nbf from issued_at alone",
  ],
  [
    "an order that its schema does not show",
    {
      4: "request: { type: object, properties: { a: { type: array, minItems: 1, items: false, prefixItems: [{}] }, o: { properties: { 7: {} } } } }",
      7: "  - { name: exp, from: expires_at }\n  - { name: a, from: request.a, order: schema }",
      8: "  - { name: o, from: request.o, order: schema }\naccept: { type: object }",
    },
    "8 claims[2].order: can't be seen behind prefixItems in the schema",
    "9 claims[3].order: can't be kept for a member whose name is a number",
  ],
  [
    "an order that its schema does not have, or not at this place",
    {
      4: "request: { type: object, $defs: { d: { properties: { p: {} } } }, properties: { a: { $ref: '#/$defs/d' }, o: {} } }",
      7: "  - { name: exp, from: expires_at }\n  - { name: a, from: request.a.p, order: schema }",
      8: "  - { name: o, from: request.o, order: schema }\naccept: { type: object }",
    },
    "8 claims[2].order: needs a schema that names members",
    "9 claims[3].order: needs a schema that names members",
  ],
  ["no claims", { 5: "claims: []", 6: "", 7: "" }, "5 claims: must NOT have fewer than 1 items"],
  [
    "a claim from an unknown member",
    { 8: "  - { name: b, from: request.b }\naccept: { type: object }" },
    "8 claims[2].from: request.b is not a member of the request schema",
  ],
  [
    "a claim from the tenant where there is none",
    { 8: "  - { name: b, from: tenant }\naccept: { type: object }" },
    "8 claims[2].from: needs `tenant` in the profile",
  ],
  [
    "a tenant claim that is not signed",
    { 9: "tenant: { claim: t }" },
    "9 tenant.claim: the claims must include { name: t, from: tenant }",
  ],
  ["a subject that is not signed", { 9: "subject: userId" }, "9 subject: userId is not among the claims"],
  ["an alias of no claim", { 9: "aliases: { b: [c] }" }, "9 aliases.b: b is not among the claims"],
  ["an alias that is a claim", { 9: "aliases: { iss: [exp] }" }, "9 aliases.iss[0]: exp is itself a claim"],
  ["an alias of two claims", { 9: "aliases: { iss: [c], exp: [c] }" }, "9 aliases.exp[0]: c is already an alias"],
  // schemas
  ["a request that is no object", { 4: "request: { type: array }" }, '4 request.type: must be "object"'],
  [
    "a request with a misspelt keyword, which would allow what it means to forbid",
    { 4: "request: { type: object, propertes: {} }" },
    '4 request: is not a JSON Schema 2020-12: strict mode: unknown keyword: "propertes"',
  ],
  [
    "an accept that is no schema",
    { 8: "accept: { type: thing }" },
    "8 accept: is not a JSON Schema 2020-12: schema is invalid: data/type must be equal to one of the allowed values, data/type must be array, data/type must match a schema in anyOf",
  ],
  [
    "a context with a pattern that is none",
    { 9: "context: { type: object, properties: { a: { type: string, pattern: '(' } } }" },
    '9 context: is not a JSON Schema 2020-12: the pattern "(" is not a valid RE2 expression: missing closing ) (a character is written \\x{41}, a repetition counts to at most 1000)',
  ],
  [
    "a schema that answers later, and so accepts all",
    { 4: "request: { type: object, $async: true }" },
    "4 request: is not a JSON Schema 2020-12: $async is not allowed",
  ],
  [
    "a schema that lies elsewhere",
    { 8: "accept: { $ref: 'https://example.com/schema' }" },
    "8 accept: is not a JSON Schema 2020-12: can't resolve reference https://example.com/schema from id #",
  ],
  [
    "a request that demands what it forbids",
    { 4: "request: { type: object, additionalProperties: false, required: [a, b], properties: { a: {} } }" },
    "4 request.required[1]: b is not a member of the request schema",
  ],
  [
    "a longer life by a member that is never true",
    {
      3: `${LIFETIME}, extended: { by: a, max: 2h } }`,
      4: "request: { type: object, properties: { a: { type: string } } }",
    },
    "3 lifetime.extended.by: request.a must be a boolean in the request schema",
  ],
  [
    "an accept that demands what no token holds",
    { 8: "accept: { type: object, required: [exp, z] }" },
    "8 accept.required[1]: z is not among the claims: no token of this profile would be valid",
  ],
  // expressions
  [
    "a rule that does not parse",
    { 9: "rules: [{ require: 'claims.a +', reason: NOT_PERMITTED, message: m }]" },
    "9 rules[0].require: is not a CEL expression: at 1:10: found + but expecting end of input",
  ],
  [
    "a rule over an unknown variable and function",
    { 9: "rules: [{ require: 'claim.a == shout(context.ip)', reason: NOT_PERMITTED, message: m }]", 10: CONTEXT },
    "9 rules[0].require: names the unknown variable claim (known: claims, context)",
    "9 rules[0].require: calls the unknown function shout",
  ],
  [
    "a rule that holds because no context ever has what it names",
    { 9: rule("!has(context.dept) || context.dept >= 12"), 10: CONTEXT },
    "9 rules[0].require: names the unknown member context.dept (known: ip)",
  ],
  [
    "a rule over the context of a profile that takes none",
    { 9: rule("!has(context.ip)") },
    "9 rules[0].require: names the unknown member context.ip (known: none)",
  ],
  [
    "a rule over a member that is forbidden further in",
    {
      9: rule("!has(context.a.c)"),
      10: "context: { properties: { a: { additionalProperties: false, properties: { b: {} } } } }",
    },
    "9 rules[0].require: names the unknown member context.a.c (known: b)",
  ],
  [
    "a rule that looks a forbidden member up by its name",
    { 9: rule('context["op"] == 1 || "op" in context'), 10: CONTEXT },
    "9 rules[0].require: names the unknown member context.op (known: ip)",
  ],
  [
    "a rule over a claim that is neither signed nor accepted",
    { 8: "accept: { type: object, properties: { a: {} }, allOf: [{ required: [z] }] }", 9: rule("!has(claims.hevy)") },
    "9 rules[0].require: names the unknown member claims.hevy (known: a, aud, exp, iat, iss, jti, nbf, sub, z)",
  ],
  [
    "a claim computed from a member that no request has",
    { 8: "  - { name: c, cel: has(request.tonage) }\naccept: { type: object }" },
    "8 claims[2].cel: names the unknown member request.tonage (known: a, o)",
  ],
  [
    "a warning of a member that no request has",
    { 9: "warnings: [{ when: request.moord, code: X, message: m }]" },
    "9 warnings[0].when: names the unknown member request.moord (known: a, o)",
  ],
  [
    "a rule that fails for every token",
    { 9: rule("claims.exp + 1 > 2.0") },
    "9 rules[0].require: applies + to (double, int), for which CEL has no form: a number of JSON is a double, so write 1.0 instead of 1",
  ],
  [
    "a rule with another reason",
    { 9: "rules: [{ require: 'true', reason: EXPIRED, message: m }]" },
    '9 rules[0].reason: must be one of ["NOT_PERMITTED","CONTEXT_INVALID"]',
  ],
  [
    "an unknown normalisation",
    {
      9: "normalise: { x: [trim] }",
      10: `rules: [{ require: 'normalised("y", "") == ""', reason: NOT_PERMITTED, message: m }]`,
    },
    "10 rules[0].require: calls normalised with a first argument that is not a key of `normalise` (known: x)",
  ],
  [
    "a normalisation whose name is computed",
    { 9: 'rules: [{ require: \'normalised(context.ip, "") == ""\', reason: NOT_PERMITTED, message: m }]', 10: CONTEXT },
    "9 rules[0].require: calls normalised with a first argument that is not a key of `normalise` (known: none)",
  ],
  [
    "an unknown step of a normalisation",
    { 9: "normalise: { x: [shout] }" },
    "9 normalise.x[0]: must be trim, { drop_prefix: text } or { drop_suffix: text }",
  ],
  [
    "a claim whose expression sees no claims",
    { 8: "  - { name: c, cel: claims.a }\naccept: { type: object }" },
    "8 claims[2].cel: names the unknown variable claims (known: request)",
  ],
  [
    "a warning with a code in lower case",
    { 9: "warnings: [{ when: 'true', code: all, message: m }]" },
    "9 warnings[0].code: must be 1 to 64 of A-Z 0-9 _",
  ],
  // address
  [
    "an address that no context holds",
    { 9: "ip: { mode: warn, claim: iss }" },
    "9 ip: needs a context schema with the member ip",
  ],
  [
    "an address that is not signed",
    { 9: "ip: { mode: enforce, claim: ip }", 10: CONTEXT },
    "9 ip.claim: ip is not among the claims",
  ],
  [
    "an address of 33 bits",
    { 9: "ip: { mode: warn, claim: iss, prefix: { v4: 33 } }", 10: CONTEXT },
    "9 ip.prefix.v4: must be <= 32",
  ],
  // carriers
  [
    "a carrier twice",
    { 9: "carriers: [{ in: header, name: X-A }, { in: header, name: x-a }]" },
    "9 carriers[1]: header x-a is already a carrier",
  ],
  [
    "two frames",
    { 9: "carriers: [{ in: frame, prefix: a }, { in: frame, prefix: b }]" },
    "9 carriers[1]: frame is already a carrier",
  ],
  ["a carrier without a name", { 9: "carriers: [{ in: query }]" }, "9 carriers[0].name: is required"],
  [
    "an issuer that is the tenant, of a keyset without tenants",
    { 9: "issuer: tenant" },
    "9 issuer: must not be tenant for a keyset: one keyset serves one issuer",
    "9 issuer: needs `tenant` in the profile",
  ],
  [
    "an nbf that is neither issued_at nor 0",
    { 7: "  - { name: exp, from: expires_at }\n  - { name: nbf, value: 1 }" },
    "8 claims[2]: nbf must be taken from issued_at",
  ],
  [
    "an order of what has no members, and one behind a reference",
    {
      4: "request: { type: object, properties: { o: { $ref: '#/$defs/o' } }, $defs: { o: {} } }",
      7: "  - { name: exp, from: expires_at, order: schema }\n  - { name: o, from: request.o, order: schema }",
    },
    "7 claims[1].order: is for claims from request.<member>, from an expression, and for rest",
    "8 claims[2].order: can't be seen behind $ref in the schema",
  ],
  [
    "a query with a scheme",
    { 9: "carriers: [{ in: query, name: a, scheme: Bearer }]" },
    "9 carriers[0].scheme: is not a known key (known: in, max_bytes, optional, name)",
  ],
  [
    "an optional scheme that is none",
    { 9: "carriers: [{ in: header, name: a, scheme_optional: true }]" },
    "9 carriers[0].scheme_optional: needs a scheme",
  ],
  [
    "a header with a space",
    { 9: "carriers: [{ in: header, name: 'a b' }]" },
    "9 carriers[0].name: must be 1 to 64 letters, digits or !#$%&'*+.^_`|~-",
  ],
  [
    "a carrier for longer tokens than there are",
    { 9: "carriers: [{ in: query, name: a, max_bytes: 8193 }]" },
    "9 carriers[0].max_bytes: must be <= 8192",
  ],
  // surfaces
  [
    "a close reason of 124 bytes",
    { 9: `surfaces: { websocket: { code: 4401, reason: ${BYTES_124} } }` },
    "9 surfaces.websocket.reason: must NOT have more than 123 bytes of UTF-8",
  ],
  [
    "a close code that is not for applications",
    { 9: "surfaces: { websocket: { code: 1000, reasons: { EXPIRED: { code: 5000 } } } }" },
    "9 surfaces.websocket.code: must be 1008 or from 3000 to 4999",
    "9 surfaces.websocket.reasons.EXPIRED.code: must be 1008 or from 3000 to 4999",
  ],
  [
    "a challenge with a line break",
    { 9: 'surfaces: { http: { status: 401, www_authenticate: "Bearer\\r\\nX: y" } }' },
    "9 surfaces.http.www_authenticate: must be at most 512 printable ASCII characters, without control characters",
  ],
  [
    "an unknown reason",
    { 9: "surfaces: { http: { status: 401, reasons: { OLD: {} } } }" },
    "9 surfaces.http.reasons.OLD: is not an allowed name",
  ],
  [
    "a rejection that is a success",
    { 9: "surfaces: { http: { status: 200 } }" },
    "9 surfaces.http.status: must be >= 400",
  ],
  [
    "a frame that nests too deep",
    { 9: "carriers: [{ in: frame, prefix: '' }]", 10: `surfaces: { frame: { rejected: ${deep(9)} } }` },
    "10 surfaces.frame.rejected: must not nest deeper than 8 levels",
  ],
  [
    "a frame whose members would change places",
    { 9: "carriers: [{ in: frame, prefix: '' }]", 10: "surfaces: { frame: { accepted: { b: 1, 7: 2 } } }" },
    "10 surfaces.frame.accepted: must not have a number as the name of a member: it would change its position",
  ],
  [
    "a frame without a carrier",
    { 9: "surfaces: { frame: { accepted: {} } }" },
    "9 surfaces.frame: needs a carrier { in: frame }",
  ],
  [
    "a quarantine without a carrier",
    { 9: "quarantine: { deadline: 10s, max_failures: 5 }" },
    "9 quarantine: needs a carrier { in: frame }",
  ],
  [
    "a quarantine of part of a second",
    { 9: "quarantine: { deadline: 1500ms, max_failures: 5 }", 10: "carriers: [{ in: frame, prefix: '' }]" },
    "9 quarantine.deadline: must be whole seconds",
  ],
  [
    "metering by a client_ip that no request has",
    { 9: "metering: { client_ip: { per_second: 1, burst: 1 } }" },
    "9 metering.client_ip: needs a claim { from: client_ip }: without one no request has a client_ip",
  ],
  [
    "metering by a subject that no token has",
    { 9: "issuer: service", 10: "metering: { subject: { per_second: 1, burst: 1 } }" },
    "10 metering.subject: needs a claim with the subject: without one no token has a subject",
  ],
  [
    "a rate without a burst, and one that allows nothing",
    { 9: "metering: { subject: { per_second: 0 } }" },
    "9 metering.subject.burst: is required",
    "9 metering.subject.per_second: must be >= 0.001",
  ],
  // what would let a token past a check
  [
    "tenants that share a keyset and that no claim distinguishes",
    { 9: "tenant: {}" },
    "9 tenant: must have a claim for a keyset: every tenant's tokens are signed with the same keys",
  ],
  [
    "an alias that hides what every token is judged by",
    { 7: "  - { name: exp, from: expires_at }\n  - { name: a, from: request.a }", 9: "aliases: { a: [nbf, aud] }" },
    "10 aliases.a[0]: nbf is a registered claim",
    "10 aliases.a[1]: aud is a registered claim",
  ],
  [
    "a number that would lose its last digits",
    { 7: "  - { name: exp, from: expires_at }\n  - { name: a, value: 12345678901234567890 }" },
    "8 claims[2].value: must be within ±(2^53-1); a larger number belongs in a string",
  ],
] as const) {
  test(`a profile with ${what} is refused with line and path`, (t) => {
    t.deepEqual(faults(tinyProfile(changes)), [...expected]);
  });
}

test("the small profile that these tests change has no fault", (t) => {
  t.deepEqual(faults(tinyProfile()), []);
  t.deepEqual(faults(tinyProfile({ 4: OPEN_REQUEST, 9: "surfaces: { websocket: { code: 1008 } }" })), []);
});

for (const [what, claim, fault] of [
  ["an unknown source", "{ name: a, from: moon }", "must be request.<member> or one of issuer, subject, audience"],
  ["a source and a value", "{ name: a, from: issuer, value: b }", "with exactly one of from, value and cel"],
  ["no source", "{ name: a }", "with exactly one of from, value and cel"],
  ["a name and the rest", "{ name: a, rest: request }", "or rest alone"],
  ["a value that is an object", "{ name: a, value: {} }", "must be string or number or boolean"],
  ["a name that becomes a prototype", "{ name: __proto__, value: 1 }", "none of __proto__"],
  ["a name without a letter", '{ name: "", value: 1 }', "must be 1 to 64 characters"],
] as const) {
  test(`a claim with ${what} is refused at its line, once`, (t) => {
    const found = faults(tinyProfile({ 7: `  - ${claim}` }));
    t.is(found.length, 1, found.join("\n"));
    t.true(found[0]?.startsWith("7 claims[1]") && found[0].includes(fault), found[0]);
  });
}

test("at most 100 faults of one file are reported", (t) => {
  const rules = Array.from({ length: 101 }, () => "{ require: x, reason: NOT_PERMITTED, message: m }");
  t.is(faults(tinyProfile({ 9: `rules: [${rules}]` })).length, 100);
});

test("the faults of all sections come at once", (t) => {
  const text = tinyProfile({
    3: "lifetime: { exp: required, default: 2h, max: 1h }",
    9: "subject: b",
    10: "tenant: { claim: t }",
  });
  t.deepEqual(
    faults(text).map((fault) => fault.split(":")[0]),
    ["9 subject", "10 tenant.claim", "3 lifetime.default"],
  );
});

for (const [what, text, fault] of [
  ["tabs", "profile:\n\ttiny", /tab/i],
  ["a key twice", "profile: a\nprofile: b", /unique/i],
  ["aliases that expand", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", /aliases/],
  ["two documents", "profile: a\n---\nprofile: b", /document/i],
  ["an unknown tag", "profile: !!js/function 'x'", /tag/i],
  ["no text", "", /must be object/],
  ["a list", "- profile", /must be object/],
  ["a NUL", "profile: \0", /must be 1 to 64 of|required/],
  ["brackets that never close", "[".repeat(20_000), /deeper than 64/],
  ["deep schemas", tinyProfile({ 8: `accept: ${"{ not: ".repeat(5000)}{}${" }".repeat(5000)}` }), /deeper than 64/],
  ["deep frames", tinyProfile({ 9: `surfaces: { frame: { accepted: ${deep(5000)} } }` }), /deeper than 64/],
  ["a huge file", `# ${"x".repeat(262_144)}`, /^ must have at most 262144 characters/],
  ["a schema whose properties are nothing", fromRequest("properties: "), /request: is not a JSON Schema/],
  ["a schema whose required is no list", fromRequest("required: 3, properties: { a: {} }"), /is not a JSON Schema/],
  ["a merge of another map", `<<: { profile: a }`, /<<: is not a known key/],
] as const) {
  test(`hostile text is faults and never an exception: ${what}`, (t) => {
    const found = faults(text);
    t.true(found.length > 0);
    t.regex(found.join("\n"), fault);
  });
}

for (const name of ["alg", "kid", "typ", "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "7", "constructor"]) {
  test(`${name} is no fixed parameter of a header`, (t) => {
    const [fault = "", ...more] = faults(tinyProfile({ 9: `header: { parameters: { ${name}: x } }` }));
    t.deepEqual(more, []);
    t.regex(fault, /^9 header\.parameters\S+: is not an allowed name$/);
  });
}
