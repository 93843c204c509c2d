import test from "ava";
import type { ClaimValues } from "../../src/profile/model/claims.ts";
import { pathText } from "../../src/schema/path-text.ts";
import { ISSUER, serviceProfile, shippedProfile } from "../support/profiles/profiles.ts";

const VALUES: ClaimValues = {
  issuer: undefined,
  subject: "alice",
  audience: "https://api",
  caller: "loopback",
  tenant: "acme",
  client_ip: "192.0.2.1",
  issued_at: 1000,
  expires_at: 2000,
  token_id: "t",
};

type Members = Readonly<Record<string, unknown>>;

/** What a profile signs for a request object. */
function signed(name: string, request: Members, values: Partial<ClaimValues> = {}): string {
  const { mapClaims, issuer } = shippedProfile(name);
  return mapClaims({ ...VALUES, issuer, ...values }, request).text;
}

/** The first rule of a profile that does not hold, or undefined. */
function broken(name: string, claims: Members, context: Members): string | undefined {
  return shippedProfile(name).rules.find((rule) => !rule.holds({ claims, context }))?.reason;
}

/** What is wrong with a request object, each as path and message. */
function faults(name: string, request: Members): string[] {
  return shippedProfile(name)
    .request(request)
    .map(({ path, message }) => `${pathText(path)}: ${message}`);
}

test("service is RFC 9068", (t) => {
  const profile = serviceProfile();
  t.like(profile, { name: "service", issuer: ISSUER, header: { typ: "at+jwt", kid: "required" }, hasAudience: true });
  t.deepEqual(profile.keys, { kind: "keyset", keyset: "service", algorithm: "EdDSA" });
  t.like(profile.lifetime, { exp: "required", default: 300, min: 1, max: 3600, leeway: 60, skew: 60 });
  t.deepEqual(profile.takes, { subject: true, audience: true, clientIp: false });
  t.deepEqual([...profile.reservedNames].toSorted(), ["aud", "client_id", "exp", "iat", "iss", "jti", "nbf", "sub"]);
  t.is(
    signed("service", { scope: "read", roles: ["a"] }),
    `{"iss":"${ISSUER}","sub":"alice","aud":"https://api","client_id":"loopback","iat":1000,"exp":2000,"jti":"t","roles":["a"],"scope":"read"}`,
  );
});

test("euler-stream signs the effective configuration", (t) => {
  const websockets = { maxWebSockets: 1, allowedCreators: ["a"] };
  t.is(
    signed("euler-stream", { accountId: "acc", expireAfter: 60, websockets, limits: { minute: 1 }, name: "n" }),
    `{"jti":"t","iat":1000,"exp":2000,"iss":"${ISSUER}","sub":"acc","ws":{"allowedCreators":["a"],"maxWebSockets":1},"limits":{"minute":1},"name":"n"}`,
  );
  t.is(shippedProfile("euler-stream").lifetime.ttlFrom, "expireAfter");
});

test("euler-stream normalises the creator on both sides and keeps its case", (t) => {
  const claims = { ws: { allowedCreators: ["@tv_asahi_news"], maxWebSockets: 1 } };
  for (const uniqueId of ["tv_asahi_news", " @tv_asahi_news ", "https://www.tiktok.com/@tv_asahi_news/live"])
    t.is(broken("euler-stream", claims, { uniqueId }), undefined, uniqueId);
  t.is(broken("euler-stream", claims, { uniqueId: "TV_asahi_news" }), "NOT_PERMITTED");
  t.is(broken("euler-stream", claims, { uniqueId: " @ " }), "CONTEXT_INVALID");
});

test("euler-stream: null allows any creator; an empty list or no list none", (t) => {
  const uniqueId = "x";
  t.is(broken("euler-stream", { ws: { allowedCreators: null } }, { uniqueId }), undefined);
  t.is(broken("euler-stream", { ws: { allowedCreators: [] } }, { uniqueId }), "NOT_PERMITTED");
  t.is(broken("euler-stream", {}, { uniqueId }), "NOT_PERMITTED");
  t.is(broken("euler-stream", { ws: null }, { uniqueId }), "NOT_PERMITTED");
});

test("euler-stream names every member that is out of its bounds", (t) => {
  const request = {
    accountId: "",
    expireAfter: 7201,
    websockets: { allowedCreators: ["x".repeat(65)], maxWebSockets: 10_001 },
    limits: {},
    other: 1,
  };
  t.deepEqual(faults("euler-stream", request).toSorted(), [
    "accountId: must be text of 1 to 255 bytes without control characters",
    "expireAfter: must be <= 7200",
    "limits: must NOT have fewer than 1 properties",
    "other: is not a known key (known: accountId, expireAfter, websockets, limits, name)",
    "websockets.allowedCreators[0]: must be a creator of 1 to 64 characters without control characters",
    "websockets.maxWebSockets: must be <= 10000",
  ]);
  t.deepEqual(faults("euler-stream", { accountId: "a", expireAfter: 1, websockets: null }), []);
  const ids = Array.from({ length: 101 }, (_, index) => `c${index}`);
  const websockets = { allowedCreators: ids, maxWebSockets: 1 };
  t.deepEqual(faults("euler-stream", { accountId: "a", expireAfter: 1, websockets }), [
    "websockets.allowedCreators: must NOT have more than 100 items",
  ]);
});

for (const creator of [
  "",
  " ",
  "@",
  " @ ",
  "/live",
  "@/live",
  "https://www.tiktok.com/",
  "https://www.tiktok.com/@/live",
  "\u2003",
  "a\0",
])
  test(`euler-stream allows no creator that none can be: ${encodeURIComponent(creator) || "nothing"}`, (t) => {
    const request = {
      accountId: "a",
      expireAfter: 60,
      websockets: { allowedCreators: ["b", creator], maxWebSockets: 1 },
    };
    t.deepEqual(faults("euler-stream", request), [
      "websockets.allowedCreators[1]: must be a creator of 1 to 64 characters without control characters",
    ]);
  });

test("euler-stream allows every spelling of a creator", (t) => {
  const allowedCreators = ["a", "@a b", " https://www.tiktok.com/@a/live ", "live", "https://www.tiktok.com/live", "é"];
  const request = { accountId: "a", expireAfter: 60, websockets: { allowedCreators, maxWebSockets: 1 } };
  t.deepEqual(faults("euler-stream", request), []);
});

test("reactive signs the seven claims of the sample in its order", (t) => {
  t.is(
    signed("reactive", { stream_id: "s", unique_user_identifier: "U" }),
    '{"ip":"192.0.2.1","aud":"s","sub":"U","iss":"Reactive","iat":1000,"exp":2000,"jti":"t"}',
  );
  const { takes, hasAudience, ip, header, keys } = shippedProfile("reactive");
  t.deepEqual(takes, { subject: false, audience: false, clientIp: true });
  t.true(hasAudience);
  t.deepEqual(ip, { mode: "warn", claim: "ip", prefix: { v4: 32, v6: 128 } });
  t.like(header, { typ: "JWT", kid: "absent" });
  t.deepEqual(keys, { kind: "imported", algorithms: ["HS256"], encoding: "base64" });
});

test("reactive names every text that is missing, empty, too long or holds a NUL", (t) => {
  t.deepEqual(faults("reactive", {}), ["stream_id: is required", "unique_user_identifier: is required"]);
  const text = "must be text of 1 to 255 bytes without control characters";
  for (const bad of ["", "x".repeat(256), "é".repeat(128), "a\0b", "a\u0085"])
    t.deepEqual(faults("reactive", { stream_id: bad, unique_user_identifier: "u" }), [`stream_id: ${text}`]);
});

test("hivekit signs the sample's claims in its order, then the permissions", (t) => {
  const request = { dpv: { london: ["a/*"] }, per: { london: { "a/*": "R" } }, sub: "service", static: true };
  t.is(
    signed("hivekit", request),
    '{"sub":"service","tnd":"acme","iat":1000,"exp":2000,"iss":"platform.hivekit.io","jti":"t","per":{"london":{"a/*":"R"}},"dpv":{"london":["a/*"]}}',
  );
  const profile = shippedProfile("hivekit");
  t.deepEqual(profile.lifetime.extended, { by: "static", max: 31_536_000 });
  t.deepEqual(profile.quarantine, { deadlineSeconds: 10, maxFailures: 5 });
  t.is(profile.surfaces.acceptedFrame, '[{"typ":"sys","act":"aut","res":"suc"}]');
});

for (const [what, per, realm, id, operation, reason] of [
  ["a matching pattern", { london: { "riders/*": "R" } }, "london", "riders/x", "R", undefined],
  ["a letter that is not there", { london: { "riders/*": "R" } }, "london", "riders/x", "U", "NOT_PERMITTED"],
  ["the union of patterns", { london: { "riders/*": "R", "riders/me": "CU" } }, "london", "riders/me", "C", undefined],
  [
    "the other part of the union",
    { london: { "riders/*": "R", "riders/me": "CU" } },
    "london",
    "riders/me",
    "R",
    undefined,
  ],
  ["another realm", { london: { "*": "R" } }, "paris", "a", "R", "NOT_PERMITTED"],
  ["every realm", { "*": { "cars/*": "R" } }, "sys", "cars/a/b", "R", undefined],
  ["no right at all", { london: { a: "" } }, "london", "a", "R", "NOT_PERMITTED"],
  ["an empty per", {}, "london", "a", "R", "NOT_PERMITTED"],
  ["a realm that objects inherit", {}, "constructor", "a", "R", "NOT_PERMITTED"],
] as const) {
  test(`hivekit decides by ${what}`, (t) => {
    t.is(broken("hivekit", { per }, { realm, id, operation }), reason);
  });
}

test("hivekit: a token without per may do everything, and a connection asks for nothing", (t) => {
  t.is(broken("hivekit", {}, { realm: "r", id: "a", operation: "D" }), undefined);
  t.is(broken("hivekit", { per: {} }, {}), undefined);
});

test("hivekit wants per or an explicit wish for everything, which is worth a warning", (t) => {
  const either = ": must be an object with per, or else with allow_all: true for every right";
  t.deepEqual(faults("hivekit", {}), [either]);
  t.deepEqual(faults("hivekit", { per: {}, allow_all: true }), [either]);
  t.deepEqual(faults("hivekit", { allow_all: true }), []);
  const [warning] = shippedProfile("hivekit").warnings;
  t.true(warning?.code === "ALLOW_ALL" && warning.applies({ allow_all: true }));
  t.false(warning?.applies({ per: {} }));
});

test("hivekit accepts each letter once, and no other", (t) => {
  for (const letters of ["RX", "RR", "rr", "CRUDPSC", "R ", "R\n"])
    t.deepEqual(faults("hivekit", { per: { r: { a: letters } } }), [
      "per.r.a: must be letters of CRUDPS, each at most once",
    ]);
  for (const letters of ["", "R", "SPDURC"]) t.deepEqual(faults("hivekit", { per: { r: { a: letters } } }), []);
});

test("hivekit: a request for a right must have all its parts", (t) => {
  const context = shippedProfile("hivekit").context;
  t.deepEqual(context?.({}), []);
  t.deepEqual(
    context?.({ realm: "r" }).map(({ path }) => pathText(path)),
    ["id", "operation"],
  );
});

test("shoplive signs in the order of the sample, and no header but alg", (t) => {
  const request = {
    age: 15,
    gender: "f",
    name: "n",
    userId: "u",
    custom: { b: 1, a: 2 },
    userScore: 34,
    userType: "VIP",
    profile: "https://x/y",
  };
  t.is(
    signed("shoplive", request),
    '{"exp":2000,"iat":1000,"userId":"u","name":"n","gender":"f","age":15,"custom":{"a":2,"b":1},"userScore":34,"userType":"VIP","profile":"https://x/y"}',
  );
  const { header, issuer, subjectClaim } = shippedProfile("shoplive");
  t.like(header, { typ: undefined, kid: "absent" });
  t.deepEqual([issuer, subjectClaim], [undefined, "userId"]);
});

test("shoplive measures bytes, not characters", (t) => {
  t.deepEqual(faults("shoplive", { userId: "가".repeat(85), custom: "x".repeat(1024) }), []);
  t.deepEqual(faults("shoplive", { userId: `${"가".repeat(85)}x`, custom: "x".repeat(1025) }), [
    "userId: must be text of 1 to 255 bytes without control characters",
    "custom: must be any value of at most 1024 bytes, without control characters other than tabs and line breaks",
  ]);
  t.deepEqual(faults("shoplive", { userId: "u", custom: { a: "x".repeat(1016) } }), []);
  t.deepEqual(faults("shoplive", { userId: "u", custom: { a: "x".repeat(1017) } }), [
    "custom: must be any value of at most 1024 bytes, without control characters other than tabs and line breaks",
  ]);
});

for (const [member, good, bad] of [
  ["userScore", [-100, 0, 100], [-101, 101, 1.5, "10"]],
  ["gender", ["", "m", "f", "n", null], ["male", "F", 1]],
  ["age", [0, 130], [-1, 1.5, "1"]],
  ["profile", ["http://a", "https://a/b?c"], ["ftp://a", "https://", "https://a b", "javascript:x"]],
] as const) {
  test(`shoplive takes a ${member} of its kind alone`, (t) => {
    for (const value of good) t.deepEqual(faults("shoplive", { userId: "u", [member]: value }), [], String(value));
    for (const value of bad) t.is(faults("shoplive", { userId: "u", [member]: value }).length, 1, String(value));
  });
}

test("shoplive: a campaign restricts by what it names alone", (t) => {
  t.is(broken("shoplive", { userType: "VIP", userScore: 5 }, { user_types: ["VIP"], min_user_score: 5 }), undefined);
  t.is(broken("shoplive", {}, {}), undefined);
  t.is(broken("shoplive", { userType: "BASIC" }, { user_types: ["VIP"] }), "NOT_PERMITTED");
  t.is(broken("shoplive", {}, { user_types: ["VIP"] }), "NOT_PERMITTED");
  t.is(broken("shoplive", { userScore: 4 }, { min_user_score: 5 }), "NOT_PERMITTED");
  t.is(broken("shoplive", {}, { min_user_score: -100 }), "NOT_PERMITTED");
});

test("viasocket signs the sample's claims in its order, and exp only where there is one", (t) => {
  const request = { org_id: "8069", user_id: "u", project_id: "p" };
  t.is(
    signed("viasocket", request, { expires_at: undefined }),
    '{"project_id":"p","org_id":"8069","user_id":"u","iat":1000}',
  );
  t.is(signed("viasocket", request), '{"project_id":"p","org_id":"8069","user_id":"u","iat":1000,"exp":2000}');
  const { lifetime, keys, aliases } = shippedProfile("viasocket");
  t.like(lifetime, { exp: "optional", default: undefined, maxAge: 2_592_000 });
  t.deepEqual(keys, { kind: "imported", algorithms: ["HS256"], encoding: "utf8" });
  t.deepEqual(aliases, [{ claim: "user_id", names: ["unique_identifier"] }]);
});

test("viasocket: organisation, project and user must all be the context's", (t) => {
  const claims = { org_id: "1", project_id: "2", user_id: "3" };
  t.is(broken("viasocket", claims, claims), undefined);
  for (const name of Object.keys(claims))
    t.is(broken("viasocket", claims, { ...claims, [name]: "x" }), "NOT_PERMITTED", name);
});

test("viasocket accepts identities as texts alone", (t) => {
  const { accept } = shippedProfile("viasocket");
  const claims = { org_id: 8069, project_id: "p", iat: 1 };
  t.deepEqual(
    accept(claims).map(({ keyword, path }) => [keyword, pathText(path)]),
    [
      ["required", "user_id"],
      ["type", "org_id"],
    ],
  );
});

test("no token is issued that a carrier of its profile can't hold", (t) => {
  t.is(shippedProfile("hivekit").maxTokenLength, 4000);
  t.is(shippedProfile("shoplive").maxTokenLength, 8192, "its address parameter is optional");
  t.is(shippedProfile("service").maxTokenLength, 8192);
});

test("a profile that is edited to require exp has no longest age to keep", (t) => {
  const edited = shippedProfile("viasocket", (text) =>
    text.replace("exp: optional", "exp: required\n  default: 1h").replace("max_age: 30d", ""),
  );
  t.like(edited.lifetime, { exp: "required", default: 3600, maxAge: undefined });
});
