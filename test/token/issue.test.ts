import test from "ava";
import { jwtVerify } from "jose";
import { AuditError, type AuditLog, type Happening } from "../../src/audit/event.ts";
import type { IssueRequest } from "../../src/token/draft.ts";
import { type IssueParts, tokenIssuer } from "../../src/token/issue.ts";
import { Problem } from "../../src/token/problem.ts";
import { ISSUER, serviceProfile } from "../support/profiles.ts";
import { oneKey } from "../support/token-keys.ts";

const profile = serviceProfile();
const NOW = 1_800_000_000_500;

function makeIssuer(overrides: Partial<IssueParts> = {}, keys = oneKey().keys) {
  const events: Happening[] = [];
  const audit: AuditLog = { append: async (event) => void events.push(event) };
  const parts = { audit, now: () => NOW, newTokenId: () => "id-1", hashSubject: () => "hash", verifyEvery: 1000 };
  const issue = tokenIssuer({ ...parts, ...overrides });
  return {
    events,
    issue: (request: Partial<IssueRequest> = {}) => issue(profile, keys, makeRequest(request), "caller-1"),
  };
}

function makeRequest(overrides: Partial<IssueRequest>): IssueRequest {
  return { subject: "alice", audience: ["api"], ttl: undefined, claims: undefined, ...overrides };
}

async function violationsOf(request: Partial<IssueRequest>): Promise<Record<string, string>> {
  const { issue, events } = makeIssuer();
  try {
    await issue(request);
    return {};
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "INVALID_REQUEST" || events.length > 0) throw error;
    return Object.fromEntries(error.violations.map(({ field, description }) => [field, description]));
  }
}

test("a token has the header and claims of RFC 9068, in the profile's order", async (t) => {
  const own = oneKey();
  const { issue } = makeIssuer({}, own.keys);
  const { token } = await issue({ claims: { scope: "read write", b: { z: 1, a: [true, null] }, a: "x" } });
  const [header = "", payload = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  t.is(header, `{"alg":"EdDSA","typ":"at+jwt","kid":"${own.kid}"}`);
  t.is(
    payload,
    `{"iss":"${ISSUER}","sub":"alice","aud":"api","client_id":"caller-1","iat":1800000000,"exp":1800000300,"jti":"id-1",` +
      `"a":"x","b":{"a":[true,null],"z":1},"scope":"read write"}`,
  );
  const { payload: verified } = await jwtVerify(token, own.publicKey, { currentDate: new Date(NOW) });
  t.is(verified.sub, "alice");
});

test("several audiences are signed as an array", async (t) => {
  const { token } = await makeIssuer().issue({ audience: ["a", "b"] });
  t.deepEqual(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).aud, ["a", "b"]);
});

test("the answer waits for the audit event, and the event holds neither token nor subject nor claims", async (t) => {
  const stored = Promise.withResolvers<void>();
  const events: Happening[] = [];
  const audit: AuditLog = {
    append: (event) => {
      events.push(event);
      return stored.promise;
    },
  };
  let answered = false;
  const issuing = makeIssuer({ audit })
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
  await t.notThrowsAsync(makeIssuer({}, keys).issue({ ttl: { seconds: 140n, nanos: 0 } }));
});

test("a key whose signatures its public half rejects is taken out of use, and its token never leaves", async (t) => {
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
const long = "é".repeat(128);
const invalid: readonly [title: string, request: Partial<IssueRequest>, field: string, rule: RegExp][] = [
  ["an empty subject", { subject: "" }, "subject", /empty/],
  ["a subject of 256 bytes", { subject: long }, "subject", /255 bytes/],
  ["a subject with NUL", { subject: "a\0" }, "subject", /control/],
  ["a subject that was invalid UTF-8", { subject: "a\ufffd" }, "subject", /well-formed/],
  ["no audience", { audience: [] }, "audience", /1 to 16/],
  ["17 audiences", { audience: numbered(17) }, "audience", /1 to 16/],
  ["an empty audience", { audience: ["a", ""] }, "audience[1]", /empty/],
  ["an audience twice", { audience: ["a", "a"] }, "audience[1]", /repeat/],
  ["ttl 0", { ttl: { seconds: 0n, nanos: 0 } }, "ttl", /from 1s to 3600s/],
  ["a negative ttl", { ttl: { seconds: -1n, nanos: 0 } }, "ttl", /from 1s to 3600s/],
  ["a fraction of a second", { ttl: { seconds: 1n, nanos: 1 } }, "ttl", /whole seconds/],
  ["a ttl above the maximum", { ttl: { seconds: 3601n, nanos: 0 } }, "ttl", /3600s/],
  ["a ttl beyond any number", { ttl: { seconds: 2n ** 63n - 1n, nanos: 0 } }, "ttl", /3600s/],
  ...["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id"]
    .map((name) => [`a caller's ${name}`, { claims: { [name]: 1 } }, `claims.${name}`, /service alone/] as const)
    .map((row) => [...row] as [string, Partial<IssueRequest>, string, RegExp]),
  ["a claim that speaks for another", { claims: { act: { sub: "root" } } }, "claims.act", /not an allowed name/],
  ["a scope that is no text", { claims: { scope: 1 } }, "claims.scope", /string/],
  ["an unsafe name", { claims: { x: { constructor: 1 } } }, "claims.x.constructor", /not an allowed name/],
  ["an integer that loses digits", { claims: { x: 2 ** 53 } }, "claims.x", /2\^53/],
  ["Infinity", { claims: { x: [Number.POSITIVE_INFINITY] } }, "claims.x[0]", /finite/],
  ["NaN", { claims: { x: Number.NaN } }, "claims.x", /finite/],
  ["a lone surrogate", { claims: { x: "\ud800" } }, "claims.x", /well-formed/],
  ["65 keys", { claims: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 1])) }, "claims", /64 keys/],
  ["more than 4 KiB", { claims: { x: "a".repeat(4090) } }, "claims", /4096 bytes/],
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

test("all bad fields are told at once", async (t) => {
  const claims = { iss: "x", exp: 1, scope: 5, n: Number.NaN };
  const request = { subject: "", audience: [], ttl: { seconds: 0n, nanos: 0 }, claims };
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
    ttl: { seconds: 3600n, nanos: 0 },
    claims: { n: Number.MAX_SAFE_INTEGER, a: { b: { c: { d: { e: { f: { g: {} } } } } } } },
  };
  t.deepEqual(await violationsOf(request), {});
});

test("a token that every verifier would find too large is refused before anything is signed", async (t) => {
  const audience = numbered(16).map((name) => name.padEnd(253, "x"));
  const { issue, events } = makeIssuer();
  const error = await t.throwsAsync(issue({ audience, claims: { x: "y".repeat(3_900) } }), { instanceOf: Problem });
  t.deepEqual(error.violations, [{ field: "claims", description: "must let the token have at most 8192 characters" }]);
  t.is(events.length, 0);
  await t.notThrowsAsync(issue({ audience, claims: { x: "y".repeat(1_000) } }));
});
