import test from "ava";
import { jwtVerify } from "jose";
import { AuditError, type AuditEvent, type AuditLog } from "../../../src/audit/event.ts";
import { createKeyHistory } from "../../../src/keys/key-history.ts";
import { Problem } from "../../../src/problem/problem.ts";
import type { IssueRequest } from "../../../src/token/issue/request.ts";
import { callerNamed } from "../../support/caller.ts";
import { rejectedViolations } from "../../support/problems.ts";
import { ISSUER, serviceProfile } from "../../support/profiles/profiles.ts";
import { claimsOf, textsOf } from "../../support/tokens/foreign-token.ts";
import { EMPTY, issuingUnderTest, NOW, seconds } from "../../support/tokens/issuing-under-test.ts";
import { oneKey } from "../../support/tokens/token-keys.ts";

const profile = serviceProfile();

function makeIssuer(overrides: Parameters<typeof issuingUnderTest>[2] = {}, keys = oneKey().keys) {
  const { issue, ...rest } = issuingUnderTest(profile, () => keys, overrides);
  const request = { subject: "alice", audience: ["api"] };
  return { ...rest, issue: (asked: Partial<IssueRequest> = {}) => issue({ ...request, ...asked }) };
}

async function violationsOf(request: Partial<IssueRequest>): Promise<Record<string, string>> {
  const { issue, events } = makeIssuer();
  const violations = await rejectedViolations(issue(request));
  if (Object.keys(violations).length > 0 && events.length > 0) throw new Error("an event of what was not issued");
  return violations;
}

test("a token has the header and claims of RFC 9068, in the profile's order", async (t) => {
  const own = oneKey();
  const { issue } = makeIssuer({}, own.keys);
  const { token } = await issue({ claims: { scope: "read write", b: { z: 1, a: [true, null] }, a: "x" } });
  const { header, claims } = textsOf(token);
  t.is(header, `{"alg":"EdDSA","typ":"at+jwt","kid":"${own.kid}"}`);
  t.is(
    claims,
    `{"iss":"${ISSUER}","sub":"alice","aud":"api","client_id":"caller-1","iat":1800000000,"exp":1800000300,"jti":"id-1",` +
      `"a":"x","b":{"a":[true,null],"z":1},"scope":"read write"}`,
  );
  const { payload: verified } = await jwtVerify(token, own.publicKey, { currentDate: new Date(NOW) });
  t.is(verified.sub, "alice");
});

test("several audiences are signed as an array", async (t) => {
  const { token } = await makeIssuer().issue({ audience: ["a", "b"] });
  t.deepEqual(claimsOf(token).aud, ["a", "b"]);
});

test("the answer waits for the audit event, and the event holds neither token nor subject nor claims", async (t) => {
  const stored = Promise.withResolvers<void>();
  const events: AuditEvent[] = [];
  const audit: AuditLog = {
    append: (event) => {
      events.push(event);
      return stored.promise;
    },
  };
  let answered = false;
  const issuing = makeIssuer({ audit, digestClaims: () => "digest" })
    .issue({ claims: { secret: "claim-value" } })
    .then((issued) => {
      answered = true;
      return issued;
    });
  await new Promise((resolve) => setImmediate(resolve));
  t.false(answered);
  t.is(events.length, 1);
  stored.resolve();
  const { token } = await issuing;
  const text = JSON.stringify(events);
  for (const secret of [token, token.split(".")[2] ?? "", "alice", "claim-value"]) t.false(text.includes(secret));
});

test("a token whose event can't be stored is not returned", async (t) => {
  const failing = (code: "FULL" | "UNAVAILABLE") =>
    makeIssuer({ audit: { append: () => Promise.reject(new AuditError(code, "no")) } });
  for (const [code, expected] of [
    ["FULL", "AUDIT_FULL"],
    ["UNAVAILABLE", "AUDIT_UNAVAILABLE"],
  ] as const) {
    const error = await t.throwsAsync(failing(code).issue(), { instanceOf: Problem });
    t.is(error.code, expected);
    t.truthy(error.retryAfterMs);
  }
});

test("a key signs nothing until its own event is durable, and nothing where that can't be stored", async (t) => {
  const own = oneKey();
  const signed: string[] = [];
  const stored = Promise.withResolvers<void>();
  const sign = (input: Buffer) => {
    signed.push("signed");
    return own.signer.sign(input);
  };
  const signer = { ...own.signer, sign };
  const history: AuditLog = { append: ({ type }) => (type === "key.published" ? stored.promise : Promise.resolve()) };
  const keys = { ...own.keys, signer: () => signer };
  const issuing = makeIssuer({ publishKey: createKeyHistory(history, () => NOW) }, keys).issue();
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(signed, []);
  stored.resolve();
  t.is((await issuing).keyId, own.kid);
  t.deepEqual(signed, ["signed"]);
  const full = { append: () => Promise.reject(new AuditError("FULL", "no")) };
  const refused = makeIssuer({ publishKey: createKeyHistory(full, () => NOW) }, keys);
  t.is((await t.throwsAsync(refused.issue(), { instanceOf: Problem })).code, "AUDIT_FULL");
  t.deepEqual([signed, refused.events], [["signed"], []]);
});

test("a key that is replaced while its event is written does not sign", async (t) => {
  const [first, second] = [oneKey("first"), oneKey("second")];
  let current = first;
  const stored = Promise.withResolvers<void>();
  const history: AuditLog = { append: () => stored.promise };
  const keys = { ...second.keys, signer: () => current.signer };
  const issuing = makeIssuer({ publishKey: createKeyHistory(history, () => NOW) }, keys).issue();
  current = second;
  stored.resolve();
  t.is((await issuing).keyId, "second");
});

test("without a key that may sign nothing is issued", async (t) => {
  const { keys } = oneKey();
  const { issue, events } = makeIssuer({}, { ...keys, signer: () => undefined });
  const error = await t.throwsAsync(issue(), { instanceOf: Problem });
  t.is(error.code, "NO_SIGNING_KEY");
  t.is(events.length, 0);
});

test("a token never outlives the key that verifies it", async (t) => {
  const keys = oneKey("k", NOW + 200_000).keys;
  const error = await t.throwsAsync(makeIssuer({}, keys).issue(), { instanceOf: Problem });
  t.is(error.code, "TTL_BEYOND_KEY");
  t.regex(error.message, /at most 140 seconds/);
  await t.notThrowsAsync(makeIssuer({}, keys).issue({ ttl: seconds(140) }));
});

test("a key whose signatures its public key rejects is taken out of use, and its token never leaves", async (t) => {
  const own = oneKey();
  const broken = { ...own.signer, sign: () => Buffer.alloc(64) };
  const { issue, events } = makeIssuer({}, { ...own.keys, signer: (now) => own.keys.signer(now) && broken });
  for (let i = 0; i < 2; i += 1) {
    const error = await t.throwsAsync(issue(), { instanceOf: Problem });
    t.is(error.code, "NO_SIGNING_KEY");
  }
  t.deepEqual(own.distrusted, [own.kid]);
  t.is(events.length, 0);
});

test("a sample of the tokens is verified before they leave", async (t) => {
  const own = oneKey();
  let verified = 0;
  const found = own.keys.verifier(own.kid, 0);
  const countVerified = () => {
    verified += 1;
    return found;
  };
  const keys = { ...own.keys, verifier: countVerified };
  const { issue } = makeIssuer({ verifyEvery: 3 }, keys);
  for (let i = 0; i < 7; i += 1) await issue();
  t.is(verified, 3);
});

const numbered = (length: number) => Array.from({ length }, (_, i) => `api-${i}`);
const numberedKeys = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, 1]));
const long = "é".repeat(128);
const invalid: readonly [title: string, request: Partial<IssueRequest>, field: string, rule: RegExp][] = [
  ["an empty subject", { subject: "" }, "subject", /is required/],
  ["a subject of 256 bytes", { subject: long }, "subject", /255 bytes/],
  ["a subject with NUL", { subject: "a\0" }, "subject", /control/],
  ["a subject that was invalid UTF-8", { subject: "a\ufffd" }, "subject", /well-formed/],
  ["no audience", { audience: [] }, "audience", /1 to 16/],
  ["17 audiences", { audience: numbered(17) }, "audience", /1 to 16/],
  ["an empty audience", { audience: ["a", ""] }, "audience[1]", /empty/],
  ["an audience twice", { audience: ["a", "a"] }, "audience[1]", /repeat/],
  ["ttl 0", { ttl: seconds(0) }, "ttl", /from 1s to 3600s/],
  ["a negative ttl", { ttl: seconds(-1) }, "ttl", /from 1s to 3600s/],
  ["a fraction of a second", { ttl: { seconds: 1n, nanos: 1 } }, "ttl", /whole seconds/],
  ["a ttl above the maximum", { ttl: seconds(3601) }, "ttl", /3600s/],
  ["a ttl beyond any number", { ttl: { seconds: 2n ** 63n - 1n, nanos: 0 } }, "ttl", /3600s/],
  ...["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id"]
    .map((name) => [`a caller's ${name}`, { claims: { [name]: 1 } }, `claims.${name}`, /only by the service/] as const)
    .map((row) => [...row] as [string, Partial<IssueRequest>, string, RegExp]),
  ["a claim that speaks for another", { claims: { act: { sub: "root" } } }, "claims.act", /not an allowed name/],
  ["a scope that is no text", { claims: { scope: 1 } }, "claims.scope", /string/],
  ["an unsafe name", { claims: { x: { constructor: 1 } } }, "claims.x.constructor", /not an allowed name/],
  ["an integer that loses digits", { claims: { x: 2 ** 53 } }, "claims.x", /within ±\(2\^53-1\)/],
  ["Infinity", { claims: { x: [Number.POSITIVE_INFINITY] } }, "claims.x[0]", /within/],
  ["NaN", { claims: { x: Number.NaN } }, "claims.x", /within/],
  ["a member without a value", { claims: { x: undefined } }, "claims.x", /must have a value/],
  ["an item without a value", { claims: { x: [undefined] } }, "claims.x[0]", /must have a value/],
  ["a lone surrogate", { claims: { x: "\ud800" } }, "claims.x", /well-formed/],
  ["513 keys", { claims: { x: numberedKeys(513 - 1) } }, "claims", /512 keys/],
  ["more than 8 KiB", { claims: { x: "a".repeat(4100), y: "a".repeat(4100) } }, "claims", /8192 bytes/],
  ["a text of more than 8 KiB", { claims: { x: ["a".repeat(8193)] } }, "claims.x[0]", /8192 bytes/],
  ["a list with a wrong item", { claims: { roles: ["a", ""] } }, "claims.roles[1]", /fewer than 1/],
  ["a tenant where there are none", { tenant: "acme" }, "tenant", /not used/],
  ["a client's address that is not signed", { clientIp: "10.0.0.1" }, "client_ip", /not used/],
  ["a request_id with a space", { requestId: "a b" }, "request_id", /1 to 64 characters of A-Z/],
  ["a request_id of 65 characters", { requestId: "a".repeat(65) }, "request_id", /1 to 64/],
  ["an absolute time as ttl", { ttl: seconds(1_683_571_152) }, "ttl", /absolute time: give the lifetime in seconds/],
  [
    "nine levels",
    { claims: { a: { b: { c: { d: { e: { f: { g: { h: {} } } } } } } } } },
    "claims.a.b.c.d.e.f.g.h",
    /8 levels/,
  ],
];

for (const [title, request, field, rule] of invalid)
  test(`${title} is refused by its field`, async (t) => {
    const violations = await violationsOf(request);
    t.deepEqual(Object.keys(violations), [field]);
    t.regex(violations[field] ?? "", rule);
  });

test("all bad fields are named at once", async (t) => {
  const claims = { iss: "x", exp: 1, scope: 5, n: Number.NaN };
  const request = { subject: "", audience: [], ttl: seconds(0), claims };
  t.deepEqual(Object.keys(await violationsOf(request)).sort(), [
    "audience",
    "claims.exp",
    "claims.iss",
    "claims.n",
    "claims.scope",
    "subject",
    "ttl",
  ]);
});

test("what is at the limit is issued", async (t) => {
  const request = {
    subject: "é".repeat(127),
    audience: numbered(16),
    ttl: seconds(3600),
    claims: { n: Number.MAX_SAFE_INTEGER, a: { b: { c: { d: { e: { f: { g: {} } } } } } } },
  };
  t.deepEqual(await violationsOf(request), {});
});

test("a token that every verifier would find too large is refused before anything is signed", async (t) => {
  const audience = numbered(16).map((name) => name.padEnd(253, "x"));
  const { issue, events } = makeIssuer();
  const error = await t.throwsAsync(issue({ audience, claims: { x: "y".repeat(3_900) } }), { instanceOf: Problem });
  t.is(error.violations[0]?.field, "claims");
  t.regex(error.message, /it would have \d+ characters, and the profile's carriers take at most 8192/);
  t.is(events.length, 0);
  await t.notThrowsAsync(issue({ audience, claims: { x: "y".repeat(1_000) } }));
});

test("a text that is too long is named with everything else that is wrong, by field", async (t) => {
  const claims = { scope: "a".repeat(10_240), acr: "", x: "\0".repeat(9000) };
  const violations = await violationsOf({ claims });
  t.deepEqual(Object.keys(violations).sort(), ["claims.acr", "claims.scope", "claims.x"]);
});

test("the event names the profile, the key, the caller and the request's id", async (t) => {
  const own = oneKey();
  const { issue, events } = makeIssuer({}, own.keys);
  const { draft } = await issue({ requestId: "order-1:a.b_c" });
  t.deepEqual(events, [
    {
      type: "token.issued",
      profile: "service",
      tokenId: "id-1",
      keyId: own.kid,
      caller: callerNamed("caller-1"),
      subjectHash: "hash",
      audience: ["api"],
      issuedAt: 1_800_000_000_000,
      expiresAt: 1_800_000_300_000,
      requestId: "order-1:a.b_c",
      tenant: "",
      extended: false,
      claims: undefined,
      claimsLeftOut: [],
      claimsDigest: `digest of ${draft.claims.text}`,
      profileDigest: draft.profile.digest,
      ttlSeconds: 300,
      warnings: [],
      subject: "",
    },
  ]);
});

test("validate_only answers what would be signed, and neither signs nor records nor counts", async (t) => {
  const own = oneKey();
  const unused = { ...own.signer, sign: () => t.fail("it signs") as never };
  const { issue, events, reports } = makeIssuer({}, { ...own.keys, signer: () => unused });
  const { token, tokenId, keyId, draft } = await issue({ validateOnly: true, claims: { plan: "free" } });
  t.deepEqual([token, tokenId, keyId], ["", "", own.kid]);
  t.like(draft.claims.object, { iss: ISSUER, sub: "alice", plan: "free", exp: 1_800_000_300 });
  await t.throwsAsync(issue({ validateOnly: true, subject: "" }), { instanceOf: Problem });
  t.deepEqual([events, reports], [[], []]);
});

test("validate_only refuses what issuing refuses: a token that is too large, and a missing key", async (t) => {
  const audience = numbered(16).map((name) => name.padEnd(253, "x"));
  const large = { audience, claims: { x: "y".repeat(3_900) }, validateOnly: true };
  t.deepEqual(Object.keys(await violationsOf(large)), ["claims"]);
  const { keys } = oneKey();
  const { issue } = makeIssuer({}, { ...keys, signer: () => undefined });
  const error = await t.throwsAsync(issue({ validateOnly: true }), { instanceOf: Problem });
  t.is(error.code, "NO_SIGNING_KEY");
});

test("the same request_id gets the same token, whatever the order of the claims", async (t) => {
  const { issue, events, reports } = makeIssuer();
  const first = await issue({ requestId: "r", claims: { a: 1, b: { c: 2, d: 3 } } });
  const again = await issue({ requestId: "r", claims: { b: { d: 3, c: 2 }, a: 1 } });
  t.is(again.token, first.token);
  t.is((await issue({ requestId: "other" })).tokenId === first.tokenId, false);
  t.is(events.length, 2);
  t.deepEqual(reports, ["issued service", "issued service"]);
});

const others: readonly [what: string, request: Partial<IssueRequest>][] = [
  ["subject", { subject: "bob" }],
  ["audience", { audience: ["other"] }],
  ["ttl", { ttl: seconds(300) }],
  ["claims", { claims: { a: null } }],
];
for (const [what, request] of others)
  test(`the same request_id with another ${what} is refused as reused`, async (t) => {
    const { issue, reports } = makeIssuer();
    await issue({ requestId: "r" });
    const error = await t.throwsAsync(issue({ requestId: "r", ...request }), { instanceOf: Problem });
    t.is(error.code, "REQUEST_ID_REUSED");
    t.deepEqual(reports, ["issued service", "denied service caller-1 REQUEST_ID_REUSED"]);
  });

test("another caller's request_id is another id", async (t) => {
  const { run, reports } = makeIssuer();
  const request = { ...EMPTY, subject: "alice", audience: ["api"], requestId: "r" };
  const [mine, theirs] = [
    await run("service", request, callerNamed("a")),
    await run("service", request, callerNamed("b")),
  ];
  t.not(mine.tokenId, theirs.tokenId);
  t.is(reports.length, 2);
});

test("a token whose event can't be made is not signed: its signature would be missing in the counts", async (t) => {
  const own = oneKey();
  let signatures = 0;
  const sign = (data: Buffer) => {
    signatures += 1;
    return own.signer.sign(data);
  };
  const fails = () => {
    throw new Error("no digest");
  };
  const keys = { ...own.keys, signer: () => ({ ...own.signer, sign }) };
  await t.throwsAsync(makeIssuer({ digestClaims: fails }, keys).issue(), { message: "no digest" });
  t.is(signatures, 0);
  await makeIssuer({}, keys).issue();
  t.is(signatures, 1, "control");
});
