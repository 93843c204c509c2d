import test from "ava";
import { compileProfile } from "../../../src/profile/compile/compile.ts";
import { formatFault } from "../../../src/schema/fault.ts";
import { profileOf, shippedProfile } from "../../support/profiles/profiles.ts";
import { tinyProfile } from "../../support/profiles/tiny-profile.ts";

const REQUEST = `request:
  type: object
  additionalProperties: false
  properties: { user: { type: object }, a: { type: string }, o: { type: object, properties: { p: {}, q: {} } } }`;
const CLAIMS = `  - { name: exp, from: expires_at }
  - { name: sub, from: request.user.id }
  - { name: who, from: request.user }
  - { name: user, from: request.user.id }
  - { name: aud, from: audience }
  - { name: a, from: request.a }
  - { name: o, from: request.o }
  - { name: c, cel: "request.o" }`;
const withAudit = (audit: string) => tinyProfile({ 4: REQUEST, 7: CLAIMS, 9: `audit: ${audit}` });
const signed = (object: Record<string, unknown>) => ({ text: JSON.stringify(object), object });

test("a profile shows no claims and hashes subjects, unless its file says otherwise", (t) => {
  const { audit } = profileOf(tinyProfile());
  t.like(audit, { claims: [], subject: "hash", mode: "spool" });
  t.deepEqual(audit.show(signed({ a: 1 })), { claims: undefined, claimsLeftOut: [] });
  t.is(profileOf(withAudit("{ subject: clear }")).audit.subject, "clear");
  t.is(profileOf(withAudit("{ mode: strict }")).audit.mode, "strict");
});

test("claims are shown at the paths that the file names, and no others", (t) => {
  const { audit } = profileOf(withAudit("{ claims: [o.q, o.p, a, aud] }"));
  t.deepEqual(audit.show(signed({ sub: "alice", a: "x", o: { p: [1, { deep: null }], q: false, r: "secret" } })), {
    claims: { o: { q: false, p: [1, { deep: null }] }, a: "x" },
    claimsLeftOut: [],
  });
  t.deepEqual(audit.show(signed({ sub: "alice", o: {} })), { claims: undefined, claimsLeftOut: [] });
  t.notThrows(() => profileOf(withAudit("{ claims: [o.x.y] }")), "the schema of o allows other members");
});

test("of claims that are large together, those that do not fit are left out by name, and the others shown", (t) => {
  const { audit } = profileOf(withAudit("{ claims: [a, o, c] }"));
  const shown = audit.show(signed({ a: "x".repeat(3000), o: { p: "y".repeat(3000) }, c: "z".repeat(900) }));
  t.deepEqual(shown, { claims: { a: "x".repeat(3000), c: "z".repeat(900) }, claimsLeftOut: ["o"] });
  t.true(JSON.stringify(shown.claims).length <= 4096);
  const exact = { a: "x".repeat(4096 - '{"a":""}'.length) };
  t.deepEqual(audit.show(signed(exact)).claims, exact);
});

for (const [what, audit, ...expected] of [
  ["a claim that is not signed", "{ claims: [b] }", "audit.claims[0]: b is not among the claims"],
  ["a member of a text", "{ claims: [a.b] }", "audit.claims[0]: a.b is not a member that the claim a can have"],
  [
    "a member of an audience",
    "{ claims: [aud.b] }",
    "audit.claims[0]: aud.b is not a member that the claim aud can have",
  ],
  [
    "a name of the prototype",
    "{ claims: [o.__proto__] }",
    "audit.claims[0]: must name none of __proto__, constructor, prototype",
  ],
  ["the same claim twice", "{ claims: [o, o.p] }", "audit.claims[1]: overlaps with o"],
  ["the subject", "{ claims: [sub] }", "audit.claims[0]: would show the subject, which needs `subject: clear`"],
  [
    "another claim with the subject",
    "{ claims: [user] }",
    "audit.claims[0]: would show the subject, which needs `subject: clear`",
  ],
  [
    "an object around the subject",
    "{ claims: [who] }",
    "audit.claims[0]: would show the subject, which needs `subject: clear`",
  ],
  [
    "a path of five names",
    "{ claims: [o.a.b.c.d] }",
    "audit.claims[0]: must be a claim, or the path of a member of it: at most four names with a point between them",
  ],
  ["another way to name subjects", "{ subject: none }", 'audit.subject: must be one of ["hash","clear"]'],
] as const)
  test(`of what events show, a fault: ${what}`, (t) => {
    const found = compileProfile(withAudit(audit), "tiny.yaml", "https://i");
    const faults = Array.isArray(found) ? found.map(formatFault).map((text) => text.replace(/^\S+ /, "")) : [];
    t.deepEqual(faults, expected);
  });

test("a fixed claim beside a fixed subject may be shown", (t) => {
  const fixed = `  - { name: exp, from: expires_at }
  - { name: sub, value: robot }
  - { name: scope, value: read }`;
  t.deepEqual(profileOf(tinyProfile({ 7: fixed, 9: "audit: { claims: [scope] }" })).audit.claims, ["scope"]);
});

const REST = "  - { name: exp, from: expires_at }\n  - { rest: request }";
const fitting = (names: string) => `request: { type: object, propertyNames: ${names}, properties: { b: {}, c: {} } }`;
const ONLY_B = "accept: { type: object, additionalProperties: false, properties: { exp: {}, b: {} } }";

for (const [what, changes, ...expected] of [
  ["a claim that propertyNames allow", { 4: fitting("{ not: { enum: [c] } }"), 9: "audit: { claims: [b, other] }" }],
  [
    "a claim that propertyNames forbid",
    { 4: fitting("{ not: { enum: [c] } }"), 9: "audit: { claims: [c] }" },
    "audit.claims[0]: c is not among the claims",
  ],
  [
    "a registered claim, which no request may have",
    { 4: fitting("{ minLength: 1 }"), 9: "audit: { claims: [nbf] }" },
    "audit.claims[0]: nbf is not among the claims",
  ],
  [
    "a claim that no valid token has",
    { 4: fitting("{ minLength: 1 }"), 8: ONLY_B, 9: "audit: { claims: [b, c] }" },
    "audit.claims[1]: c is not a claim that the accept schema allows",
  ],
] as const)
  test(`where the rest of a request is signed, ${expected.length > 0 ? "a fault" : "shown"}: ${what}`, (t) => {
    const found = compileProfile(tinyProfile({ 7: REST, ...changes }), "tiny.yaml", "https://i");
    const faults = Array.isArray(found) ? found.map(formatFault).map((text) => text.replace(/^\S+ /, "")) : [];
    t.deepEqual(faults, expected);
  });

test("where subjects are clear, the claims that hold them may be shown", (t) => {
  const { audit } = profileOf(withAudit("{ claims: [sub, who.name, user], subject: clear }"));
  t.deepEqual(audit.show(signed({ sub: "alice", who: { name: "A" } })).claims, { sub: "alice", who: { name: "A" } });
});

test("a shipped profile shows what was granted, and neither its subject nor a claim about a person", (t) => {
  const shown = ["euler-stream", "hivekit", "reactive", "service", "shoplive", "viasocket"].map((name) => {
    const { claims, subject } = shippedProfile(name).audit;
    return [name, claims.join(" "), subject];
  });
  t.deepEqual(shown, [
    ["euler-stream", "ws limits", "hash"],
    ["hivekit", "", "hash"],
    ["reactive", "", "hash"],
    ["service", "scope roles groups entitlements", "hash"],
    ["shoplive", "", "hash"],
    ["viasocket", "org_id project_id", "hash"],
  ]);
});
