import test from "ava";
import type { Question } from "../../src/access/question.ts";
import type { Caller } from "../../src/caller.ts";
import { callerOf, ORDERS, policyOf, withRules } from "../support/access/policies.ts";

const SELF = ORDERS.name;

/** "allowed", or why not. */
function verdict(rules: readonly string[], question: Question, caller: Caller = ORDERS): string {
  const decision = policyOf(withRules(...rules)).decide(caller, question);
  return decision.allowed ? "allowed" : decision.because;
}

const ISSUE =
  "{ methods: [IssueToken], profiles: [service], audiences: [api, web], subjects: [alice, { prefix: user/ }, self], max_ttl: 4m }";
const issue = {
  method: "IssueToken",
  profile: "service",
  audience: ["api"],
  subject: "alice",
  ttlSeconds: 60,
  claims: {},
} as const;

for (const [what, change, expected] of [
  ["within every list", {}, "allowed"],
  ["for both audiences", { audience: ["web", "api"] }, "allowed"],
  ["for one audience more", { audience: ["api", "admin"] }, "request"],
  ["for no audience", { audience: undefined }, "request"],
  ["for an empty list of audiences", { audience: [] }, "request"],
  ["for another subject", { subject: "bob" }, "request"],
  ["for a subject in capitals", { subject: "Alice" }, "request"],
  ["for a subject that begins with a whole one", { subject: "alice2" }, "request"],
  ["for a subject with the prefix", { subject: "user/7" }, "allowed"],
  ["for the prefix itself", { subject: "user/" }, "allowed"],
  ["for less than the prefix", { subject: "user" }, "request"],
  ["for itself", { subject: SELF }, "allowed"],
  ["for no subject", { subject: undefined }, "request"],
  ["of the longest ttl", { ttlSeconds: 240 }, "allowed"],
  ["of a longer ttl", { ttlSeconds: 241 }, "request"],
  ["of a ttl that is longer by less than a second", { ttlSeconds: 240.000001 }, "request"],
  ["of the default ttl, which is longer", { ttlSeconds: undefined }, "request"],
  ["of another method", { method: "VerifyToken" }, "method"],
  ["of a profile that no rule names", { profile: "viasocket" }, "profile"],
  ["of a profile that does not exist", { profile: "nothing" }, "profile"],
  ["of an empty profile", { profile: "" }, "profile"],
  ["of no profile", { profile: undefined }, "request"],
] as const)
  test(`a request ${what} is ${expected === "allowed" ? "allowed" : `denied, because of the ${expected}`}`, (t) => {
    t.is(verdict([ISSUE], { ...issue, ...change }), expected);
  });

test("`self` is the caller's own name, and that of no other caller", (t) => {
  const text =
    "groups: { all: { callers: [dns:a, spiffe://example.org/a, 'jwt:k8s:a'], rules: [{ methods: [IssueToken], profiles: [service], subjects: [self] }] } }";
  const policy = policyOf(text);
  for (const name of ["dns:a", "spiffe://example.org/a", "jwt:k8s:a"]) {
    t.true(policy.decide(callerOf(name), { ...issue, subject: name }).allowed);
    for (const subject of ["self", "a", "dns:b"]) t.false(policy.decide(callerOf(name), { ...issue, subject }).allowed);
    const others = ["dns:a", "spiffe://example.org/a", "jwt:k8s:a"].filter((other) => other !== name);
    for (const subject of others) t.false(policy.decide(callerOf(name), { ...issue, subject }).allowed);
  }
});

for (const name of [
  "dns:orders.example.org.",
  "dns:ORDERS.example.org",
  "dns:orders",
  "spiffe://orders.example.org/x",
  "loopback",
  "",
])
  test(`names are compared exactly: ${JSON.stringify(name)} may do nothing`, (t) => {
    t.is(verdict([ISSUE], issue, callerOf(name)), "method");
    t.deepEqual(policyOf(withRules(ISSUE)).explain(callerOf(name), issue), []);
  });

test("a request without a dimension needs a rule that is free in it", (t) => {
  const byId = { method: "RevokeTokens", profile: "service" } as const;
  const ofSubject = { ...byId, subject: "alice" };
  const narrow = ["{ methods: [RevokeTokens], profiles: [service], subjects: [alice] }"];
  t.is(verdict(narrow, ofSubject), "allowed");
  t.is(verdict(narrow, byId), "request");
  t.is(verdict(["{ methods: [RevokeTokens], profiles: [service] }"], byId), "allowed");
  const watch = { method: "WatchRevocations" } as const;
  t.is(verdict(["{ methods: [WatchRevocations], profiles: [service] }"], watch), "request");
  t.is(verdict(["{ methods: [WatchRevocations], profiles: [service] }"], { ...watch, profile: "service" }), "allowed");
  t.is(verdict(["{ methods: [WatchRevocations], profiles: any }"], watch), "allowed");
  const revokeKey = ["{ methods: [RevokeKey], profiles: [hivekit], tenants: [acme] }"];
  t.is(verdict(revokeKey, { method: "RevokeKey", profile: "hivekit", tenant: "acme" }), "allowed");
  t.is(verdict(revokeKey, { method: "RevokeKey", profile: "hivekit" }), "request");
  t.is(verdict(revokeKey, { method: "RevokeKey" }), "request");
});

test("methods that name nothing need a rule alone", (t) => {
  t.is(verdict(["{ methods: [ListKeys, RotateKeys] }"], { method: "RotateKeys" }), "allowed");
  t.is(verdict(["{ methods: [ListKeys] }"], { method: "RotateKeys" }), "method");
});

test("what a VerifyToken needs beyond its method is a permission of its own", (t) => {
  const verify = { method: "VerifyToken", profile: "service", audience: ["api"] } as const;
  const rules = (permissions: string) => [`{ methods: [VerifyToken], profiles: [service]${permissions} }`];
  for (const [permissions, allowed] of [
    ["", []],
    [", permissions: [verify_at]", ["verify_at"]],
    [", permissions: [diagnosis]", ["diagnosis"]],
    [", permissions: [diagnosis, verify_at]", ["verify_at", "diagnosis"]],
  ] as const) {
    t.is(verdict(rules(permissions), verify), "allowed");
    for (const need of ["verify_at", "diagnosis"] as const)
      t.is(
        verdict(rules(permissions), { ...verify, needs: [need] }),
        allowed.some((one) => one === need) ? "allowed" : "request",
      );
    t.is(
      verdict(rules(permissions), { ...verify, needs: ["verify_at", "diagnosis"] }),
      allowed.length === 2 ? "allowed" : "request",
    );
  }
});

test("the lifetime that a profile takes from the request object is limited as well", (t) => {
  const rules = ["{ methods: [IssueToken], profiles: [euler-stream], subjects: any, max_ttl: 60s }"];
  const asked = (claims?: Record<string, unknown>, more: Partial<Question> = {}) =>
    verdict(rules, { method: "IssueToken", profile: "euler-stream", claims, ...more });
  t.is(asked({ expireAfter: 60 }), "allowed");
  t.is(asked({ expireAfter: 61 }), "request");
  t.is(asked({ expireAfter: 61 }, { ttlSeconds: 1 }), "request", "the generic ttl is not the one that counts");
  t.is(asked({ expireAfter: "60" }), "request");
  t.is(asked(undefined, { ttlSeconds: 1 }), "request", "without the request object it is not known");
});

test("a token without an end is longer than any ttl", (t) => {
  const rules = ["{ methods: [IssueToken], profiles: [viasocket], subjects: any, max_ttl: 365d }"];
  const asked = { method: "IssueToken", profile: "viasocket", claims: {} } as const;
  t.is(verdict(rules, asked), "request");
  t.is(verdict(rules, { ...asked, ttlSeconds: 60 }), "allowed");
});

test("rules add up, in each group of a caller; none of them takes anything away", (t) => {
  const policy = policyOf(`groups:
  issuers: { callers: [dns:a, dns:b], rules: [{ methods: [IssueToken], profiles: [service], subjects: [self] }] }
  verifiers: { callers: [dns:b, dns:c], rules: [{ methods: [VerifyToken], profiles: [service] }] }
`);
  const allowed = (name: string) =>
    (["IssueToken", "VerifyToken"] as const).filter(
      (method) => policy.decide(callerOf(name), { method, profile: "service", subject: name }).allowed,
    );
  t.deepEqual(["dns:a", "dns:b", "dns:c"].map(allowed), [
    ["IssueToken"],
    ["IssueToken", "VerifyToken"],
    ["VerifyToken"],
  ]);
  t.deepEqual(
    policy
      .explain(callerOf("dns:b"), { method: "IssueToken", profile: "service", subject: "dns:b" })
      .map(({ rule: { place, line }, denials }) => [place, line, denials]),
    [
      ["groups.issuers.rules[0]", 2, []],
      ["groups.verifiers.rules[0]", 3, [{ key: "methods" }]],
    ],
  );
});

for (const [what, when, question, caller, expected] of [
  ["over the caller", "caller.proof == 'jwt-svid'", {}, { proof: "jwt-svid" }, "allowed"],
  ["over the caller that is false", "caller.proof == 'jwt-svid'", {}, {}, "request"],
  ["over the address", "caller.address.startsWith('192.0.2.')", {}, {}, "allowed"],
  ["over the request", "request.audience.exists(a, a == 'api') && request.ttl_seconds <= 60.0", {}, {}, "allowed"],
  ["over the request object", "request.claims.org == request.subject", { claims: { org: "alice" } }, {}, "allowed"],
  ["over what is absent", "request.claims.org == 'x'", {}, {}, "request"],
  ["over whether something is absent", "!has(request.tenant)", {}, {}, "allowed"],
  [
    "over a request object of many values",
    "request.claims.l.size() > 1",
    { claims: { l: Array(4000).fill(0) } },
    {},
    "allowed",
  ],
  [
    "over a request object of more values than may be issued for",
    "request.claims.l.size() > 1",
    { claims: { l: Array(5000).fill(0) } },
    {},
    "request",
  ],
  [
    "over a request object of more values on several levels",
    "has(request.claims.l)",
    { claims: { l: Array(70).fill({ m: Array(70).fill({}) }) } },
    {},
    "request",
  ],
  [
    "that costs too much",
    "request.claims.l.all(a, request.claims.l.all(b, request.claims.l.all(c, true)))",
    { claims: { l: Array(100).fill(0) } },
    {},
    "request",
  ],
] as const)
  test(`a condition ${what} ${expected === "allowed" ? "allows" : "denies"}`, (t) => {
    const rules = [`{ methods: [IssueToken], profiles: [service], subjects: any, when: "${when}" }`];
    t.is(verdict(rules, { ...issue, ...question }, { ...ORDERS, ...caller }), expected);
  });

test("a condition without a value denies, is reported with its rule, and is explained", (t) => {
  const policy = policyOf(withRules(`{ methods: [ListKeys], when: "request.claims.a" }`));
  const reports: unknown[] = [];
  const question = { method: "ListKeys", claims: { a: 1 } } as const;
  const decision = policy.decide(ORDERS, question, ({ place }, failure) => reports.push([place, failure]));
  t.deepEqual(decision, { allowed: false, because: "request" });
  t.deepEqual(reports, [["groups.orders.rules[0]", { reason: "failed", cause: "it gives no boolean" }]]);
  t.deepEqual(policy.explain(ORDERS, question)[0]?.denials, [{ key: "when", cause: "it gives no boolean" }]);
});

test("a condition is asked last, and only where everything else allows", (t) => {
  const policy = policyOf(
    withRules(`{ methods: [VerifyToken], profiles: [service], audiences: [api], when: "request.claims.a == 1.0" }`),
  );
  const reports: unknown[] = [];
  policy.decide(ORDERS, { method: "VerifyToken", profile: "service", audience: ["web"] }, () => reports.push("failed"));
  t.deepEqual(reports, []);
  policy.decide(ORDERS, { method: "VerifyToken", profile: "service", audience: ["api"] }, () => reports.push("failed"));
  t.deepEqual(reports, ["failed"]);
});
