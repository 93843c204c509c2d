import test from "ava";
import { callerOf, policyFaults, policyOf, SHIPPED, withRules } from "../support/access/policies.ts";
import { profileOf } from "../support/profiles/profiles.ts";
import { tinyProfile } from "../support/profiles/tiny-profile.ts";

const ISSUE = "methods: [IssueToken], profiles: [service], subjects: [alice]";
const VERIFY = "methods: [VerifyToken], profiles: [service]";
const KNOWN = [...SHIPPED.keys()].join(", ");

const CREDENTIAL = profileOf(`profile: workload
credential: true
header: { typ: workload+jwt }
keys: { keyset: workload, algorithm: EdDSA }
lifetime: { exp: required, default: 1h, max: 24h }
request: { type: object, additionalProperties: false }
claims:
  - { name: iss, from: issuer }
  - { name: sub, from: subject }
  - { name: aud, value: signet }
  - { name: exp, from: expires_at }
accept: { type: object }
`);

for (const [what, rule, ...faults] of [
  [
    "a method that does not exist",
    "{ methods: [IssueTokens], profiles: any }",
    /rules\[0\]\.methods\[0\]: must be one of/,
  ],
  ["no method", "{ methods: [] }", /methods: must NOT have fewer than 1 items$/],
  ["an unknown key", `{ ${VERIFY}, profil: x }`, /profil: is not a known key \(known: methods, profiles, /],
  [
    "a rule without its profiles",
    "{ methods: [VerifyToken] }",
    /profiles: is required for such methods: a list of names, or any$/,
  ],
  [
    "an IssueToken without its subjects",
    "{ methods: [IssueToken], profiles: [service] }",
    /subjects: is required for IssueToken: a list, or any$/,
  ],
  [
    "a subject without its list",
    "{ methods: [IssueToken], profiles: [service], subjects: alice }",
    /subjects: must be a list, or `any`$/,
  ],
  ["`any` in a list", "{ methods: [VerifyToken], profiles: [any] }", /profiles\[0\]: must be 1 to 64 of a-z 0-9 -$/],
  [
    "`any` in a list of subjects",
    "{ methods: [IssueToken], profiles: [service], subjects: [any] }",
    /subjects\[0\]: must be a value; `any` stands alone, without a list$/,
  ],
  [
    "an empty prefix",
    "{ methods: [IssueToken], profiles: [service], subjects: [{ prefix: '' }] }",
    /subjects\[0\]\.prefix: must NOT have fewer than 1 char/,
  ],
  [
    "a profile that is not served",
    "{ methods: [VerifyToken], profiles: [sevice] }",
    new RegExp(`profiles\\[0\\]: is not the name of a profile \\(known: ${KNOWN}\\)$`),
  ],
  [
    "tenants of a profile without tenants",
    `{ ${VERIFY}, tenants: [acme] }`,
    /profiles\[0\]: service has no tenants: the rule never allows VerifyToken with it$/,
  ],
  [
    "audiences of a profile without an audience",
    "{ methods: [VerifyToken], profiles: [euler-stream], audiences: [api] }",
    /euler-stream has no audience: the rule never allows VerifyToken with it$/,
  ],
  [
    "audiences where the request names none",
    "{ methods: [IssueToken], profiles: [reactive], audiences: [api], subjects: any }",
    /reactive takes no audience: the rule never allows IssueToken with it$/,
  ],
  [
    "subjects where the request names none",
    "{ methods: [IssueToken], profiles: [viasocket], subjects: [self] }",
    /viasocket takes no subject: the rule never allows IssueToken with it$/,
  ],
  [
    "a ttl below the profile's minimum",
    `{ ${ISSUE}, max_ttl: 0s }`,
    /service has no lifetime below \d+s: the rule never allows IssueToken/,
  ],
  ["a ttl with a fraction of a second", `{ ${ISSUE}, max_ttl: 1500ms }`, /max_ttl: must be whole seconds$/],
  ["a ttl that is no duration", `{ ${ISSUE}, max_ttl: soon }`, /max_ttl: must be a duration such as/],
  [
    "an import for a profile without imported keys",
    "{ methods: [ImportKey], profiles: [service] }",
    /service has no imported keys: the rule never allows ImportKey with it$/,
  ],
  [
    "tenants that no profile has",
    "{ methods: [ImportKey], profiles: [shoplive], tenants: [acme] }",
    /shoplive has no tenants: the rule never allows ImportKey with it$/,
  ],
  [
    "a dimension that one of the methods does not have",
    `{ methods: [IssueToken, VerifyToken], profiles: [service], subjects: [alice] }`,
    /subjects: denies every VerifyToken, which has no subject: it needs a rule of its own$/,
  ],
  [
    "profiles for methods without one",
    "{ methods: [ListKeys], profiles: [service] }",
    /profiles: denies every ListKeys, which has no profile/,
  ],
  [
    "a permission without its method",
    `{ ${ISSUE}, permissions: [verify_at] }`,
    /permissions\[0\]: is for no method of the rule$/,
  ],
  [
    "an unknown permission",
    `{ ${VERIFY}, permissions: [root] }`,
    /permissions\[0\]: must be one of \["verify_at","diagnosis"\]$/,
  ],
  [
    "a subject that a prefix covers",
    "{ methods: [IssueToken], profiles: [service], subjects: [{ prefix: user/ }, user/7] }",
    /subjects\[1\]: begins with a prefix of the same list$/,
  ],
  [
    "a prefix that a prefix covers",
    "{ methods: [IssueToken], profiles: [service], subjects: [{ prefix: user/a }, { prefix: user/ }] }",
    /subjects\[0\]: begins with a prefix of the same list$/,
  ],
  [
    "a subject that is listed twice",
    "{ methods: [IssueToken], profiles: [service], subjects: [alice, alice] }",
    /subjects\[1\]: is in the list already$/,
  ],
  [
    "a prefix that is listed twice",
    "{ methods: [IssueToken], profiles: [service], subjects: [{ prefix: a }, b, { prefix: a }] }",
    /subjects\[2\]: is in the list already$/,
  ],
  [
    "a name that is listed twice",
    "{ methods: [VerifyToken], profiles: [service, service] }",
    /profiles: must NOT have duplicate items/,
  ],
  [
    "sessions of a profile that has none",
    "{ methods: [OpenSession, ListSessions], profiles: [service] }",
    /profiles\[0\]: service has no sessions: the rule never allows OpenSession with it$/,
    /profiles\[0\]: service has no sessions: the rule never allows ListSessions with it$/,
  ],
  [
    "profiles for a renewal, which reaches the caller's own sessions alone",
    "{ methods: [RenewSessions], profiles: [euler-stream] }",
    /profiles: denies every RenewSessions, which has no profile: it needs a rule of its own$/,
  ],
  [
    "an open as of another time",
    "{ methods: [OpenSession], profiles: [euler-stream], permissions: [diagnosis, verify_at] }",
    /permissions\[1\]: is for no method of the rule$/,
  ],
  ["a condition that is no expression", `{ ${VERIFY}, when: "caller." }`, /when: is not a CEL expression/],
  [
    "a condition with an unknown member",
    `{ ${VERIFY}, when: "caller.id == 'x'" }`,
    /when: names the unknown member caller\.id \(known: address, name, proof\)$/,
  ],
  [
    "a condition with an unknown variable",
    `{ ${VERIFY}, when: "claims.x" }`,
    /when: names the unknown variable claims \(known: caller, request\)$/,
  ],
  [
    "a condition that is no boolean",
    `{ ${VERIFY}, when: "caller.name" }`,
    /when: gives a string, where a bool is required$/,
  ],
  ["a condition that can't be bounded", `{ ${VERIFY}, when: "caller.name.matches('(')" }`, /when: calls matches, but /],
] as const)
  test(`${what} is a fault at its place`, (t) => {
    const found = policyFaults(withRules(rule));
    t.is(found.length, faults.length, found.join("\n"));
    for (const [index, fault] of faults.entries()) t.regex(found[index] ?? "", fault);
    t.regex(found[0] ?? "", /^FILE:5 groups\.orders\.rules\[0\]/);
  });

test("a ttl is a fault where tokens have no exp", (t) => {
  const text = tinyProfile({ 3: "lifetime: { exp: absent, max_age: 1h }", 7: "  - { name: iat, from: issued_at }" });
  const [fault, ...more] = policyFaults(
    withRules("{ methods: [IssueToken], profiles: [tiny], subjects: any, max_ttl: 1h }"),
    new Map([["tiny", profileOf(text)]]),
  );
  t.deepEqual(more, []);
  t.regex(fault ?? "", /tiny has tokens without exp: the rule never allows IssueToken with it$/);
});

test("a dimension that fits no profile is a fault of a rule for any profile as well", (t) => {
  const service = new Map([...SHIPPED].filter(([name]) => name === "service"));
  const [fault, ...more] = policyFaults(
    withRules("{ methods: [VerifyToken], profiles: any, tenants: [acme] }"),
    service,
  );
  t.deepEqual(more, []);
  t.is(fault, "FILE:5 groups.orders.rules[0]: never allows VerifyToken: each profile has no tenants");
  t.deepEqual(policyFaults(withRules("{ methods: [VerifyToken], profiles: any, tenants: [acme] }")), []);
});

test("all faults come at once, with their lines: first those of syntax, then those of meaning", (t) => {
  const syntax = withRules("{ methods: [Issue] }", `{ ${VERIFY}, permissions: [all] }`).concat("extra: 1\n");
  t.deepEqual(
    policyFaults(syntax).map((fault) => fault.split(": ")[0]),
    ["FILE:7 extra", "FILE:5 groups.orders.rules[0].methods[0]", "FILE:6 groups.orders.rules[1].permissions[0]"],
  );
  const meaning = withRules(`{ ${VERIFY}, tenants: [acme] }`, "{ methods: [VerifyToken], profiles: [none] }").replace(
    "dns:orders",
    "DNS:orders",
  );
  t.deepEqual(
    policyFaults(meaning).map((fault) => fault.split(": ")[0]),
    [
      "FILE:3 groups.orders.callers[0]",
      "FILE:5 groups.orders.rules[0].profiles[0]",
      "FILE:6 groups.orders.rules[1].profiles[0]",
    ],
  );
});

for (const [what, wide, narrow] of [
  ["the same rule", `{ ${VERIFY} }`, `{ ${VERIFY} }`],
  ["fewer methods", "{ methods: [VerifyToken, WatchRevocations], profiles: any }", `{ ${VERIFY} }`],
  ["one of the audiences", `{ ${VERIFY}, audiences: [a, b] }`, `{ ${VERIFY}, audiences: [b] }`],
  ["fewer permissions", `{ ${VERIFY}, permissions: [verify_at] }`, `{ ${VERIFY} }`],
  ["a shorter ttl", `{ ${ISSUE}, max_ttl: 5m }`, `{ ${ISSUE}, max_ttl: 60s }`],
  [
    "a subject that a prefix covers",
    "{ methods: [IssueToken], profiles: [service], subjects: [{ prefix: user/ }, self] }",
    "{ methods: [IssueToken], profiles: [service], subjects: [self, user/7, { prefix: user/a }] }",
  ],
  ["a condition more", `{ ${VERIFY} }`, `{ ${VERIFY}, when: "caller.proof == 'mtls'" }`],
] as const)
  test(`a rule with ${what} allows nothing of its own, before the other or after it`, (t) => {
    const first = policyFaults(withRules(wide, narrow));
    t.deepEqual(first, ["FILE:6 groups.orders.rules[1]: allows nothing that groups.orders.rules[0] does not allow"]);
    // Of two equal rules the second one is the fault.
    const [fault, ...more] = policyFaults(withRules(narrow, wide));
    t.deepEqual(more, []);
    if (wide !== narrow)
      t.is(fault, "FILE:5 groups.orders.rules[0]: allows nothing that groups.orders.rules[1] does not allow");
  });

for (const [what, one, other] of [
  ["another profile", `{ ${VERIFY} }`, "{ methods: [VerifyToken], profiles: [hivekit] }"],
  ["a permission", `{ ${VERIFY} }`, `{ ${VERIFY}, audiences: [a], permissions: [diagnosis] }`],
  ["another condition", `{ ${VERIFY}, when: "caller.proof == 'mtls'" }`, `{ ${VERIFY}, when: "caller.address == ''" }`],
  [
    "self, whatever the prefix",
    "{ methods: [IssueToken], profiles: [service], subjects: [{ prefix: dns }] }",
    "{ methods: [IssueToken], profiles: [service], subjects: [self] }",
  ],
] as const)
  test(`a rule that differs by ${what} is a rule of its own`, (t) => {
    t.deepEqual(policyFaults(withRules(one, other)), []);
  });

test("a caller that nothing proves is a fault", (t) => {
  const served = new Map([...SHIPPED, ["workload", CREDENTIAL] as const]);
  const policy = (...callers: readonly string[]) => `groups:
  all:
    callers: ${JSON.stringify(callers)}
    rules: [{ methods: [ListKeys] }]
`;
  t.deepEqual(policyFaults(policy("orders", "jwt:corp:alice", "signet:service:a", "signet:nothing:a"), served), [
    "FILE:3 groups.all.callers[0]: must be spiffe://TRUST-DOMAIN/PATH (SPIFFE-ID, 2), dns:NAME in lower case, jwt:ALIAS:SUBJECT, signet:PROFILE:SUBJECT, unix or loopback",
    "FILE:3 groups.all.callers[1]: names the alias corp, which is not in callers.issuers",
    "FILE:3 groups.all.callers[2]: names service, which is not a profile with `credential: true`",
    "FILE:3 groups.all.callers[3]: names nothing, which is not a profile with `credential: true`",
  ]);
  t.deepEqual(policyFaults(policy("jwt:k8s:alice", "signet:workload:a"), served), []);
});

test("a SPIFFE ID of a trust domain that is not trusted is a fault, once any trust domain is", (t) => {
  const policy = `groups:
  all:
    callers: [spiffe://example.org/a, spiffe://example.com/a, dns:example.com]
    rules: [{ methods: [ListKeys] }]
`;
  t.deepEqual(policyFaults(policy, SHIPPED, new Set(["example.org"])), [
    "FILE:3 groups.all.callers[1]: is of the trust domain example.com, which is not in callers.trust_domains, nor that of callers.jwt_svid",
  ]);
  t.deepEqual(policyFaults(policy, SHIPPED, new Set(["example.org", "example.com"])), []);
  t.deepEqual(policyFaults(policy, SHIPPED, new Set()), []);
});

test("a group whose callers are all in another one needs no rule that the other has", (t) => {
  const policy = (callers: string) => `groups:
  all: { callers: [dns:a, dns:b], rules: [{ ${VERIFY} }] }
  some: { callers: ${callers}, rules: [{ ${VERIFY}, audiences: [api] }] }
`;
  t.deepEqual(policyFaults(policy("[dns:b]")), [
    "FILE:3 groups.some.rules[0]: allows nothing that groups.all.rules[0] does not allow",
  ]);
  t.deepEqual(policyFaults(policy("[dns:b, dns:c]")), []);
});

for (const [what, text, fault] of [
  ["no groups", "tests: []\n", /^FILE:1 groups: is required$/],
  ["an empty file", "", /^FILE.*: must be object$/],
  ["groups without a group", "groups: {}\n", /^FILE:1 groups: must NOT have fewer than 1/],
  [
    "a group without callers",
    "groups: { a: { callers: [], rules: [{ methods: [ListKeys] }] } }\n",
    /^FILE:1 groups\.a\.callers: must NOT have fewer than 1 items$/,
  ],
  [
    "a group without rules",
    "groups: { a: { callers: [unix], rules: [] } }\n",
    /^FILE:1 groups\.a\.rules: must NOT have fewer than 1 items$/,
  ],
  [
    "a group with a strange name",
    "groups: { A b: { callers: [unix], rules: [{ methods: [ListKeys] }] } }\n",
    /^FILE:1 groups.*: is not an allowed name \(allowed: 1 to 64 of a-z 0-9 -\)$/,
  ],
  [
    "a group that is named like a prototype",
    "groups: { __proto__: { callers: [unix], rules: [{ methods: [ListKeys] }] } }\n",
    /^FILE:1 groups/,
  ],
  [
    "a key that occurs twice",
    "groups: { a: { callers: [unix], callers: [unix], rules: [] } }\n",
    /^FILE:1: Map keys must be unique$/,
  ],
  [
    "an alias",
    "x: &a [unix]\ngroups: { a: { callers: *a, rules: [{ methods: [ListKeys] }] } }\n",
    /^FILE: aliases \(\*name\) are not allowed$/,
  ],
  ["two documents", "groups: {}\n---\ngroups: {}\n", /^FILE:\d: Source contains multiple documents/],
  ["a deep file", `groups: ${"[".repeat(100)}${"]".repeat(100)}\n`, /^FILE: must not nest deeper than 64 levels$/],
  ["a very deep file", `groups: ${"[".repeat(100_000)}\n`, /^FILE.*: must not nest deeper than 64 levels$/],
  ["a huge file", `#${"x".repeat(1_048_576)}`, /^FILE: must have at most 1048576 characters$/],
] as const)
  test(`${what}: a fault, and no more than that`, (t) => {
    const [first = "", ...more] = policyFaults(text);
    t.regex(first, fault);
    t.deepEqual(more, []);
  });

test("more than a thousand rules are a fault", (t) => {
  const rules = (count: number) => Array.from({ length: count }, (_, index) => `{ ${VERIFY}, audiences: [a${index}] }`);
  t.deepEqual(policyFaults(withRules(...rules(1000))), []);
  t.deepEqual(policyFaults(withRules(...rules(1001))), ["FILE:2 groups: must have at most 1000 rules in all"]);
});

for (const [subjects, isFault] of [
  ["any", true],
  ["[{ prefix: ci/ }]", true],
  ["[self]", true],
  ["[ci/build, ci/deploy]", false],
] as const)
  for (const profiles of ["[workload]", "any"])
    test(`subjects: ${subjects} of ${profiles} ${isFault ? "could make any caller" : "make callers that are named"}`, (t) => {
      const served = new Map([...SHIPPED, ["workload", CREDENTIAL] as const]);
      const found = policyFaults(
        withRules(`{ methods: [IssueToken], profiles: ${profiles}, subjects: ${subjects} }`),
        served,
      );
      t.deepEqual(
        found,
        isFault
          ? [
              "FILE:5 groups.orders.rules[0].subjects: must be exact subjects where IssueToken is allowed with workload, whose tokens prove callers",
            ]
          : [],
      );
    });

test("tests that fail are faults which say why, and each test must be a call that can be made", (t) => {
  const tests = `tests:
  - { expect: allow, caller: dns:orders.example.org, method: VerifyToken, profile: service, audience: [api] }
  - { expect: deny, caller: dns:orders.example.org, method: VerifyToken, profile: service, audience: [api] }
  - { expect: allow, caller: dns:orders.example.org, method: VerifyToken, profile: service, audience: [web] }
  - { expect: allow, caller: dns:other.example.org, method: ListKeys }
  - { expect: deny, caller: other, method: ListKeys, profile: sevice }
  - { expect: deny, caller: dns:x, proof: jwt-svid, method: IssueToken, profile: service, needs: [diagnosis] }
`;
  t.deepEqual(policyFaults(withRules(`{ ${VERIFY}, audiences: [api] }`) + tests), [
    "FILE:8 tests[1]: is allowed, by groups.orders.rules[0]",
    "FILE:9 tests[2]: is denied: groups.orders.rules[0] denies it by audiences",
    "FILE:10 tests[3]: is denied: no group has this caller",
    "FILE:11 tests[4].caller: must be spiffe://TRUST-DOMAIN/PATH (SPIFFE-ID, 2), dns:NAME in lower case, jwt:ALIAS:SUBJECT, signet:PROFILE:SUBJECT, unix or loopback",
    "FILE:11 tests[4].profile: is nothing that ListKeys has",
    `FILE:11 tests[4].profile: is not the name of a profile (known: ${KNOWN})`,
    "FILE:12 tests[5].proof: is for callers with a SPIFFE id",
    "FILE:12 tests[5].needs: is nothing that IssueToken needs",
  ]);
});

test("a rule has as many subjects as its file has room for, and each of them counts", (t) => {
  // Compared each with each, these take minutes in which no call is answered.
  const names = Array.from({ length: 30_000 }, (_, index) => `u${index}-`);
  const list = names.map((name, index) => (index % 3 === 0 ? `{ prefix: ${name} }` : name));
  const policy = policyOf(withRules(`{ methods: [RevokeTokens], profiles: any, subjects: [${list}] }`));
  const isAllowed = (subject: string) =>
    policy.decide(callerOf("dns:orders.example.org"), { method: "RevokeTokens", subject }).allowed;
  t.deepEqual(["u29998-", "u29997-x", "u29998-x", "u2999-x", "u30000-"].map(isAllowed), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
