import { createHash } from "node:crypto";
import test from "ava";
import { jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { Problem } from "../../../src/problem/problem.ts";
import type { IssueRequest } from "../../../src/token/issue/request.ts";
import { rejectedViolations } from "../../support/problems.ts";
import { profileOf, shippedProfile } from "../../support/profiles/profiles.ts";
import { claimsOf, testKey, textsOf } from "../../support/tokens/foreign-token.ts";
import { issuingUnderTest, NOW, seconds } from "../../support/tokens/issuing-under-test.ts";
import { secretKeys } from "../../support/tokens/secret-keys.ts";
import { oneKey, oneSecret } from "../../support/tokens/token-keys.ts";
import { SAMPLES, SHOPLIVE_SECRET } from "../../support/tokens/vendor-samples.ts";

const KEY = testKey("dialects");

/** Issuing under a profile that ships, with a secret of the tests. */
function makeIssuing(name: string, overrides: Parameters<typeof issuingUnderTest>[2] = {}, keys = oneSecret(KEY)) {
  return issuingUnderTest(shippedProfile(name), () => keys, overrides);
}

async function refused(name: string, request: Partial<IssueRequest>): Promise<Record<string, string>> {
  const { issue, events } = makeIssuing(name);
  const violations = await rejectedViolations(issue(request));
  if (events.length > 0) throw new Error("it was issued");
  return violations;
}

const EULER = {
  accountId: "acc",
  expireAfter: 60,
  websockets: { allowedCreators: ["tv_asahi_news"], maxWebSockets: 1 },
};
const REACTIVE = { claims: { stream_id: "s-1", unique_user_identifier: "User-A" }, clientIp: "203.0.113.7" };
const HIVEKIT = { tenant: "acme", claims: { sub: "rider", per: { london: { "riders/*": "R" } } } };
const VIASOCKET = { org_id: "8069", project_id: "projmdFTFeiR", user_id: "peHQc" };

test("S3: the six claims of the vendor's sample are signed to the sample, byte for byte", async (t) => {
  const secret = oneSecret(Buffer.from(SHOPLIVE_SECRET, "base64"));
  const { issue } = makeIssuing("shoplive", { now: () => 1_610_527_308_999 }, secret);
  const claims = { userId: "sample_user_id", name: "my_nickname", gender: "f", age: 15 };
  const { token, keyId } = await issue({ claims });
  t.is(token, SAMPLES.shoplive);
  t.is(keyId, "test-secret-1");
});

test("V1: a token is what jsonwebtoken signs for the same key, claims and clock", async (t) => {
  const { issue } = makeIssuing("viasocket", { now: () => 1_753_766_066_000 });
  const { token } = await issue({ claims: VIASOCKET });
  const { project_id, org_id, user_id } = VIASOCKET;
  t.is(token, jsonwebtoken.sign({ project_id, org_id, user_id, iat: 1_753_766_066 }, KEY));
  const sample = textsOf(SAMPLES.viasocket);
  t.is(textsOf(token).header, sample.header);
  t.deepEqual(Object.keys(claimsOf(token)), Object.keys(claimsOf(SAMPLES.viasocket)));
});

test("header and claims of the other samples come in the samples' order", async (t) => {
  const reactive = await makeIssuing("reactive").issue(REACTIVE);
  t.is(textsOf(reactive.token).header, textsOf(SAMPLES.reactive).header);
  t.deepEqual(Object.keys(claimsOf(reactive.token)), Object.keys(claimsOf(SAMPLES.reactive)));
  const hivekit = await makeIssuing("hivekit").issue(HIVEKIT);
  t.is(textsOf(hivekit.token).header, '{"alg":"HS256","typ":"JWT","kid":"test-secret-1"}');
  t.deepEqual(Object.keys(claimsOf(hivekit.token)).slice(0, 6), Object.keys(claimsOf(SAMPLES.hivekit)));
});

test("a token without a jti is known by the hash of what was signed, others by their jti", async (t) => {
  const { issue, events } = makeIssuing("viasocket");
  const { token, tokenId } = await issue({ claims: VIASOCKET });
  const signed = token.slice(0, token.lastIndexOf("."));
  t.is(tokenId, `h.${createHash("sha256").update(signed).digest("base64url")}`);
  t.like(events[0], { tokenId });
  const reactive = await makeIssuing("reactive").issue(REACTIVE);
  t.is(reactive.tokenId, claimsOf(reactive.token).jti as string);
});

test("without a ttl there is no exp if the profile makes it optional, and a warning says so", async (t) => {
  const { issue, events } = makeIssuing("viasocket");
  const { token, draft } = await issue({ claims: VIASOCKET });
  t.false("exp" in claimsOf(token));
  t.is(draft.expiresAt, undefined);
  t.deepEqual(
    draft.warnings.map(({ code }) => code),
    ["NO_EXPIRY"],
  );
  t.like(events[0], { expiresAt: undefined });
  const ended = await issue({ claims: VIASOCKET, ttl: seconds(60) });
  t.is(claimsOf(ended.token).exp, 1_800_000_060);
  t.deepEqual(ended.draft.warnings, []);
});

test("where the profile has no exp, a ttl is refused", async (t) => {
  const profile = shippedProfile("viasocket", (text) =>
    text.replace(/exp: optional.*\n\s+max: 30d/, "exp: absent").replace("  - { name: exp, from: expires_at }\n", ""),
  );
  const { issue } = issuingUnderTest(profile, () => oneSecret(KEY));
  t.deepEqual(await rejectedViolations(issue({ claims: VIASOCKET, ttl: seconds(60) })), {
    ttl: "is not used by this profile",
  });
  t.is((await issue({ claims: VIASOCKET })).draft.expiresAt, undefined);
});

test("E1: the lifetime comes from the request object, and the answer holds the claims as signed", async (t) => {
  const { issue } = issuingUnderTest(shippedProfile("euler-stream"), () => oneKey().keys);
  const { draft, token } = await issue({ claims: EULER });
  t.is(draft.expiresAt, Math.floor(NOW / 1000) + 60);
  t.deepEqual(claimsOf(token), draft.claims.object);
  t.like(draft.claims.object, { sub: "acc", ws: EULER.websockets });
});

for (const value of [0, -1, 7201, 1.5, "60", undefined, null, true, [60]])
  test(`E10: expireAfter ${JSON.stringify(value)} is refused by its name, once`, async (t) => {
    const { expireAfter: _, ...others } = EULER;
    const claims = value === undefined ? others : { ...others, expireAfter: value };
    const violations = await refused("euler-stream", { claims });
    t.deepEqual(Object.keys(violations), ["claims.expireAfter"]);
    t.regex(violations["claims.expireAfter"] ?? "", value === undefined ? /is required/ : /from 1s to 7200s/);
  });

test("the generic ttl is refused where the request object holds it", async (t) => {
  t.deepEqual(await refused("euler-stream", { claims: EULER, ttl: seconds(60) }), {
    ttl: "is not used by this profile",
  });
});

test("100 names of 64 characters are within the limits of every request object: the profile's own bound is named", async (t) => {
  const allowedCreators = Array.from({ length: 100 }, (_, i) => String(i).padStart(64, "x"));
  const claims = { ...EULER, websockets: { allowedCreators, maxWebSockets: 1 } };
  t.deepEqual(Object.keys(await refused("euler-stream", { claims })), ["claims.websockets.allowedCreators"]);
});

test("a token longer than the smallest carrier is refused with both lengths", async (t) => {
  const dpv = { london: Array.from({ length: 60 }, (_, i) => String(i).padStart(60, "x")) };
  const claims = { ...HIVEKIT.claims, dpv };
  const { claims: fault } = await refused("hivekit", { ...HIVEKIT, claims });
  const [, length] =
    /it would have (\d+) characters, and the profile's carriers take at most 4000/.exec(fault ?? "") ?? [];
  t.true(Number(length) > 4000, fault);
  const fewer = { london: dpv.london.slice(0, 30) };
  const { token } = await makeIssuing("hivekit").issue({ ...HIVEKIT, claims: { ...claims, dpv: fewer } });
  t.true(token.length <= 4000);
});

test("R1: the client's address is signed in its one form, with fresh ids and one audience as a string", async (t) => {
  const { issue, events } = makeIssuing("reactive");
  const first = await issue({ ...REACTIVE, clientIp: "::ffff:203.0.113.7" });
  t.like(claimsOf(first.token), { ip: "203.0.113.7", aud: "s-1", sub: "User-A", iss: "Reactive" });
  t.like(claimsOf((await issue({ ...REACTIVE, clientIp: "2001:DB8:0::1" })).token), { ip: "2001:db8::1" });
  t.like(events[0], { audience: ["s-1"], subjectHash: "hash" });
});

for (const [what, clientIp] of [
  ["no address", ""],
  ["a name", "localhost"],
  ["an address with a port", "203.0.113.7:80"],
] as const)
  test(`R1: ${what} for the client is refused`, async (t) => {
    t.deepEqual(Object.keys(await refused("reactive", { ...REACTIVE, clientIp })), ["client_ip"]);
  });

for (const [what, value] of [
  ["missing", undefined],
  ["empty", ""],
  ["10 kB", "x".repeat(10_240)],
  ["with NUL", "a\0b"],
] as const)
  test(`R6: two fields that are ${what} are both named`, async (t) => {
    const claims = value === undefined ? {} : { stream_id: value, unique_user_identifier: value };
    const fields = Object.keys(await refused("reactive", { ...REACTIVE, claims }));
    t.deepEqual(fields.sort(), ["claims.stream_id", "claims.unique_user_identifier"]);
  });

test("R6: each field is named for its own fault, in one answer", async (t) => {
  const violations = await refused("reactive", {
    claims: { stream_id: "x".repeat(10_240) },
    subject: "a",
    tenant: "b",
  });
  t.deepEqual(Object.keys(violations).sort(), [
    "claims.stream_id",
    "claims.unique_user_identifier",
    "client_ip",
    "subject",
    "tenant",
  ]);
});

test("a tenant is required where the profile has tenants, and its keys sign", async (t) => {
  t.deepEqual(Object.keys(await refused("hivekit", { ...HIVEKIT, tenant: "" })), ["tenant"]);
  t.deepEqual(Object.keys(await refused("hivekit", { ...HIVEKIT, tenant: "a\0" })), ["tenant"]);
  const { issue, events } = issuingUnderTest(shippedProfile("hivekit"), (tenant) =>
    oneSecret(testKey(tenant), `kid-of-${tenant}`),
  );
  for (const tenant of ["a", "b"]) {
    const { token, keyId } = await issue({ ...HIVEKIT, tenant });
    t.is(keyId, `kid-of-${tenant}`);
    t.like(claimsOf(token), { tnd: tenant });
    await t.notThrowsAsync(jwtVerify(token, testKey(tenant), { currentDate: new Date(NOW) }));
  }
  t.like(events[1], { tenant: "b" });
});

test("a profile whose secret was not imported says so, and no retry is advised", async (t) => {
  for (const [name, request, message] of [
    ["hivekit", HIVEKIT, /no key for HS256 was imported for this profile and tenant$/],
    ["reactive", REACTIVE, /no key for HS256 was imported for this profile$/],
  ] as const) {
    const { issue, events, reports } = makeIssuing(name, {}, secretKeys({}));
    const error = await t.throwsAsync(issue(request), { instanceOf: Problem });
    t.is(error.code, "KEY_NOT_IMPORTED");
    t.regex(error.message, message);
    t.is(error.retryAfterMs, undefined);
    t.deepEqual([events, reports], [[], [`denied ${name} caller-1 KEY_NOT_IMPORTED`]]);
  }
});

test("the end of a secret's overlap does not bound the lifetime of what it signs", async (t) => {
  const { issue } = makeIssuing("hivekit", {}, oneSecret(KEY, "k", NOW + 60_000));
  t.is((await issue(HIVEKIT)).draft.expiresAt, Math.floor(NOW / 1000) + 86_400);
});

test("H5: every right needs an explicit wish, which is warned of and not signed", async (t) => {
  t.true("claims" in (await refused("hivekit", { tenant: "a", claims: { sub: "s" } })));
  const { token, draft } = await makeIssuing("hivekit").issue({ tenant: "a", claims: { allow_all: true } });
  t.deepEqual(
    draft.warnings.map(({ code }) => code),
    ["ALLOW_ALL"],
  );
  t.false("allow_all" in claimsOf(token));
});

test("H13: an absolute time as ttl is refused, and the violation says what it looks like", async (t) => {
  const { ttl } = await refused("hivekit", { ...HIVEKIT, ttl: seconds(1_683_571_152) });
  t.regex(ttl ?? "", /from 1s to 2592000s.*looks like an absolute time: give the lifetime in seconds/);
});

test("a longer life needs its member of the request to be true, and the event shows it", async (t) => {
  const { issue, events } = makeIssuing("hivekit");
  const [month, year] = [seconds(2_592_000), seconds(31_536_000)];
  const wish = { ...HIVEKIT.claims, static: true };
  t.regex((await refused("hivekit", { ...HIVEKIT, ttl: year })).ttl ?? "", /to 31536000s with claims.static true/);
  t.regex(
    (await refused("hivekit", { ...HIVEKIT, ttl: seconds(31_536_001), claims: wish })).ttl ?? "",
    /to 31536000s$/,
  );
  await issue({ ...HIVEKIT, ttl: month, claims: wish });
  const { token } = await issue({ ...HIVEKIT, ttl: year, claims: wish });
  t.deepEqual(
    events.map((event) => event.type === "token.issued" && event.extended),
    [false, true],
  );
  t.false("static" in claimsOf(token));
});

test("H1: an exp beyond 2^31 is signed as it is", async (t) => {
  const { issue } = makeIssuing("hivekit", { now: () => 3_000_000_000_000 });
  t.is(claimsOf((await issue(HIVEKIT)).token).exp, 3_000_086_400);
});

test("the subject of an event is the claim that the profile names; without one there is no hash", async (t) => {
  const hashed: string[] = [];
  const hashSubject = (subject: string) => {
    hashed.push(subject);
    return "hash";
  };
  await makeIssuing("shoplive", { hashSubject }).issue({ claims: { userId: "viewer" } });
  t.deepEqual(hashed, ["viewer"]);
  const { issue, events } = makeIssuing("hivekit", { hashSubject });
  await issue({ tenant: "a", claims: { allow_all: true } });
  t.like(events[0], { subjectHash: "" });
  t.is(hashed.length, 1);
});

const AGED = `
profile: aged
keys: { keyset: aged, algorithm: EdDSA }
lifetime: { exp: optional, max: 10m, max_age: 10m }
request: { type: object }
claims:
  - { name: iss, from: issuer }
  - { name: iat, from: issued_at }
  - { name: exp, from: expires_at }
accept: { type: object }
`;

test("a token without exp of a rotating key counts with the age up to which it verifies", async (t) => {
  const until = (seconds: number) => oneKey("k", NOW + seconds * 1000).keys;
  const profile = profileOf(AGED);
  await t.notThrowsAsync(issuingUnderTest(profile, () => until(600)).issue());
  const { issue } = issuingUnderTest(profile, () => until(599));
  t.is((await t.throwsAsync(issue(), { instanceOf: Problem })).code, "TTL_BEYOND_KEY");
  await t.notThrowsAsync(issue({ ttl: seconds(599) }));
});

const COMPUTED = `
profile: computed
issuer: none
keys: { imported: HS256, encoding: utf8 }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims:
  - { name: exp, from: expires_at }
  - { name: sum, cel: request.a + request.b }
  - { name: maybe, cel: "has(request.c) ? request.c : null" }
accept: { type: object }
`;

test("a claim that can't be computed from the request is a violation, and null is not signed", async (t) => {
  const { issue, events } = issuingUnderTest(profileOf(COMPUTED), () => oneSecret(KEY));
  t.deepEqual(await rejectedViolations(issue({ claims: { a: "x" } })), {
    claims: "must allow the claim sum to be computed",
  });
  t.is(events.length, 0);
  t.is(textsOf((await issue({ claims: { a: "x", b: "y" } })).token).claims, '{"exp":1800000300,"sum":"xy"}');
});

test("what no verifier would take is refused, also where the profile's schema allows it", async (t) => {
  const profile = profileOf(`
profile: lax
issuer: none
keys: { imported: HS256, encoding: base64 }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims: [{ name: sub, from: request.user }, { name: aud, cel: request.rooms }, { name: exp, from: expires_at }]
accept: { type: object }
`);
  const { issue, events } = issuingUnderTest(profile, () => oneSecret(KEY));
  const born = (rule: string) => ({ claims: `must not make a token that is never valid: ${rule}` });
  const audience = "aud must be a non-empty string or a non-empty array of them";
  t.deepEqual(
    await rejectedViolations(issue({ claims: { user: "", rooms: "a" } })),
    born("sub must be a non-empty string"),
  );
  t.deepEqual(
    await rejectedViolations(issue({ claims: { user: 7, rooms: "a" } })),
    born("sub must be a non-empty string"),
  );
  for (const rooms of [[], ["a", 1], {}])
    t.deepEqual(await rejectedViolations(issue({ claims: { user: "u", rooms } })), born(audience));
  t.deepEqual(events, []);
  t.deepEqual(claimsOf((await issue({ claims: { user: "u", rooms: ["a", "b"] } })).token).aud, ["a", "b"]);
});

test("the expression that fails is reported to the operator, and a warning whose expression fails is not given", async (t) => {
  const text = `${COMPUTED}warnings: [{ when: request.size > 2.0, code: LARGE, message: m }]\n`;
  const { issue, reports } = issuingUnderTest(profileOf(text), () => oneSecret(KEY));
  await t.throwsAsync(issue({ claims: { a: "x", size: 1 } }));
  const { draft } = await issue({ claims: { a: "x", b: "y", size: "secret" } });
  t.deepEqual(draft.warnings, []);
  t.deepEqual(reports, [
    "failed computed claim sum",
    "denied computed caller-1 INVALID_REQUEST",
    "failed computed warning LARGE",
    "issued computed",
  ]);
});
