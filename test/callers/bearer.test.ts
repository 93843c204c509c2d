import test from "ava";
import { Problem } from "../../src/problem/problem.ts";
import { TEST_ISSUER, testIssuer } from "../support/tokens/issuer.ts";
import { bearerUnderTest, CLAIMS, SECONDS, SVID, verdictOf } from "./bearer-under-test.ts";

const DEPLOY = { name: "jwt:ci:deploy", proof: "jwt", until: CLAIMS.exp * 1000 };

test("a good token of an issuer names its subject under the alias", async (t) => {
  const { check, issuer } = await bearerUnderTest();
  t.deepEqual(await check(`Bearer ${issuer.sign(CLAIMS)}`), DEPLOY);
});

for (const alg of ["RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"] as const)
  test(`a token that is signed with ${alg} is good where the issuer may use it, and nowhere else`, async (t) => {
    const issuer = testIssuer(alg);
    const allowed = await bearerUnderTest({ issuer, algorithms: [alg] });
    t.is(await allowed.verdict(issuer.sign(CLAIMS)), "jwt:ci:deploy by jwt");
    const other = await bearerUnderTest({ issuer: testIssuer(alg === "ES256" ? "EdDSA" : "ES256") });
    t.is(await other.verdict(issuer.sign(CLAIMS, { kid: "k1" })), "ALGORITHM_NOT_ALLOWED");
  });

const PAYLOADS: readonly (readonly [what: string, claims: object | string, reason: string])[] = [
  ["no claims at all", {}, "ISSUER_MISMATCH"],
  ["another issuer", { ...CLAIMS, iss: `${TEST_ISSUER}/` }, "ISSUER_MISMATCH"],
  ["no audience", { ...CLAIMS, aud: undefined }, "AUDIENCE_MISMATCH"],
  ["another audience", { ...CLAIMS, aud: ["signet2", "Signet"] }, "AUDIENCE_MISMATCH"],
  ["an audience that is no text", { ...CLAIMS, aud: ["signet", 1] }, "CLAIM_INVALID"],
  ["no exp", { ...CLAIMS, exp: undefined }, "EXP_MISSING"],
  ["an exp that is a text", { ...CLAIMS, exp: String(CLAIMS.exp) }, "CLAIM_INVALID"],
  ["an exp that is infinite", JSON.stringify(CLAIMS).replace(/"exp":\d+/, '"exp":1e400'), "CLAIM_INVALID"],
  ["an exp in the past", { ...CLAIMS, iat: SECONDS - 60, exp: SECONDS }, "EXPIRED"],
  ["a life of more than a day", { ...CLAIMS, exp: SECONDS + 86_401 }, "LIFETIME_EXCEEDED"],
  ["no iat, and more than a day to live", { ...CLAIMS, iat: undefined, exp: SECONDS + 86_401 }, "LIFETIME_EXCEEDED"],
  ["an nbf in the future", { ...CLAIMS, nbf: SECONDS + 61 }, "NOT_YET_VALID"],
  ["an iat in the future", { ...CLAIMS, iat: SECONDS + 61 }, "NOT_YET_VALID"],
  ["no subject", { ...CLAIMS, sub: undefined }, "CLAIM_INVALID"],
  ["an empty subject", { ...CLAIMS, sub: "" }, "CLAIM_INVALID"],
  ["a subject with a space", { ...CLAIMS, sub: "a b" }, "CLAIM_INVALID"],
  ["a subject with a line break", { ...CLAIMS, sub: "a\nb" }, "CLAIM_INVALID"],
  ["a subject that is not ASCII", { ...CLAIMS, sub: "\u0430dmin" }, "CLAIM_INVALID"],
  ["a subject of 256 characters", { ...CLAIMS, sub: "a".repeat(256) }, "CLAIM_INVALID"],
  ["two subjects", JSON.stringify(CLAIMS).replace("{", '{"sub":"root",'), "MALFORMED"],
  ["a payload that is a list", "[]", "MALFORMED"],
];
for (const [what, claims, reason] of PAYLOADS)
  test(`a signed token with ${what} proves no caller`, async (t) => {
    const { issuer, verdict } = await bearerUnderTest();
    t.is(await verdict(issuer.sign(claims)), reason);
  });

for (const [what, claims] of [
  ["no iat", { ...CLAIMS, iat: undefined }],
  ["a life of a day", { ...CLAIMS, exp: SECONDS + 86_400 }],
  ["several audiences", { ...CLAIMS, aud: ["other", "signet"] }],
  ["times within the skew of a minute", { ...CLAIMS, iat: SECONDS + 60, nbf: SECONDS + 60 }],
  ["claims of its issuer's own", { ...CLAIMS, "kubernetes.io": { namespace: "ci", n: 1.5 } }],
] as const)
  test(`a token with ${what} proves its caller`, async (t) => {
    const { issuer, verdict } = await bearerUnderTest();
    t.is(await verdict(issuer.sign(claims)), "jwt:ci:deploy by jwt");
  });

const HEADERS: readonly (readonly [what: string, header: object | string, verdict: string])[] = [
  ["alg none", { alg: "none" }, "ALGORITHM_NOT_ALLOWED"],
  ["alg in other letters", { alg: "es256" }, "ALGORITHM_NOT_ALLOWED"],
  ["crit", { crit: ["exp"] }, "HEADER_INVALID"],
  ["an empty crit", { crit: [] }, "HEADER_INVALID"],
  ["no kid", { kid: undefined }, "HEADER_INVALID"],
  ["a kid that is a list", { kid: ["k1"] }, "HEADER_INVALID"],
  ["an unknown kid", { kid: "k2" }, "UNKNOWN_KEY"],
  ["the name of a prototype as kid", { kid: "__proto__" }, "UNKNOWN_KEY"],
  ["alg twice", '{"alg":"none","alg":"ES256","kid":"k1"}', "MALFORMED"],
  ["the type of a logout token", { typ: "logout+jwt" }, "TYPE_MISMATCH"],
  ["the type of an access token", { typ: "AT+JWT" }, "jwt:ci:deploy by jwt"],
  ["the type JWT", { typ: "JWT" }, "jwt:ci:deploy by jwt"],
  ["members that nobody knows", { jku: "https://evil.test", jwk: {}, b64: true, x5t: "a" }, "jwt:ci:deploy by jwt"],
];
for (const [what, header, expected] of HEADERS)
  test(`a signed token with ${what} in its header is judged: ${expected}`, async (t) => {
    const { issuer, verdict } = await bearerUnderTest();
    t.is(await verdict(issuer.sign(CLAIMS, header)), expected);
  });

test("a public RSA key is no secret of HMAC", async (t) => {
  const issuer = testIssuer("RS256");
  const { verdict } = await bearerUnderTest({ issuer });
  t.is(await verdict(issuer.confuse(CLAIMS)), "ALGORITHM_NOT_ALLOWED");
});

test("no changed character of a token passes", async (t) => {
  const { issuer, verdict } = await bearerUnderTest();
  const token = issuer.sign(CLAIMS);
  t.is(await verdict(token), "jwt:ci:deploy by jwt");
  for (const at of [5, token.indexOf(".") + 5, token.lastIndexOf(".") + 5, token.length - 1]) {
    const changed = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
    t.regex(
      await verdict(changed),
      /^(MALFORMED|BAD_SIGNATURE|UNKNOWN_KEY|ISSUER_MISMATCH|HEADER_INVALID|CLAIM_INVALID)$/,
    );
  }
});

test("the header is Bearer in any case, one space, and one token", async (t) => {
  const { issuer, check } = await bearerUnderTest();
  const token = issuer.sign(CLAIMS);
  for (const good of [`Bearer ${token}`, `bearer ${token}`, `BEARER ${token}`])
    t.is(await verdictOf(check, good), "jwt:ci:deploy by jwt");
  for (const bad of ["", "Bearer", "Bearer ", token, `Basic ${token}`, `Bearer  ${token}`, `Bearer ${token} `])
    t.is(await verdictOf(check, bad), "CARRIER_MISSING", JSON.stringify(bad));
  for (const bad of [`Bearer ${token}, Bearer ${token}`, `Bearer ${token},`, `Bearer\t${token}`, `Bearer ${token}\n`])
    t.is(await verdictOf(check, bad), "CARRIER_MISSING", JSON.stringify(bad));
  t.is(await verdictOf(check, `Bearer ${token}.`), "MALFORMED");
  t.is(await verdictOf(check, `Bearer ${token}=`), "MALFORMED");
  t.is(await verdictOf(check, `Bearer ${"a".repeat(8193)}`), "TOO_LARGE");
  t.is(await verdictOf(check, `Bearer ${".".repeat(1_000_000)}`), "TOO_LARGE");
});

test("a token of an SVID's trust domain names its workload, and needs no iss", async (t) => {
  const { bundle, verdict } = await bearerUnderTest();
  t.is(await verdict(bundle.sign(SVID)), "spiffe://example.org/build by jwt-svid");
  t.is(
    await verdict(bundle.sign({ ...SVID, iss: TEST_ISSUER }, { typ: "JOSE" })),
    "spiffe://example.org/build by jwt-svid",
  );
  t.is(await verdict(bundle.sign(SVID, { typ: "at+jwt" })), "TYPE_MISMATCH");
  t.is(await verdict(bundle.sign({ ...SVID, aud: "other" })), "AUDIENCE_MISMATCH");
  t.is(await verdict(bundle.sign({ ...SVID, exp: undefined })), "EXP_MISSING");
});

test("a bundle proves names of its own trust domain alone, and an issuer none of them", async (t) => {
  const { bundle, issuer, verdict } = await bearerUnderTest();
  t.is(await verdict(bundle.sign({ ...SVID, sub: "spiffe://other.org/build" })), "ISSUER_MISMATCH");
  t.is(await verdict(bundle.sign({ ...CLAIMS, sub: "spiffe://other.org/build" })), "BAD_SIGNATURE");
  t.is(await verdict(issuer.sign({ ...CLAIMS, sub: SVID.sub })), "BAD_SIGNATURE");
  t.is(
    await verdict(issuer.sign({ ...CLAIMS, sub: "spiffe://other.org/build" })),
    "jwt:ci:spiffe://other.org/build by jwt",
    "a name that no bundle and no certificate proves",
  );
});

for (const sub of [
  "spiffe://example.org",
  "spiffe://example.org/",
  "spiffe://example.org/a/../b",
  "spiffe://EXAMPLE.org/a",
])
  test(`${sub} is no workload of the trust domain`, async (t) => {
    const { bundle, verdict } = await bearerUnderTest();
    t.is(await verdict(bundle.sign({ ...SVID, sub })), "ISSUER_MISMATCH");
  });

test("a token that was verified is answered at once until it expires", async (t) => {
  const { check, issuer, clock } = await bearerUnderTest();
  const header = `Bearer ${issuer.sign(CLAIMS)}`;
  const verifying = check(header);
  t.true(verifying instanceof Promise);
  await verifying;
  clock.now = CLAIMS.exp * 1000 - 1;
  t.deepEqual(check(header), DEPLOY);
  clock.now += 1;
  t.is(await verdictOf(check, header), "EXPIRED");
});

test("a token that was verified counts no more when its key is gone", async (t) => {
  const { check, issuer, held } = await bearerUnderTest();
  const header = `Bearer ${issuer.sign(CLAIMS)}`;
  await check(header);
  await held.replace(Buffer.from(issuer.jwks()));
  t.false(check(header) instanceof Promise, "the same keys were published again");
  await held.replace(Buffer.from(testIssuer("ES256", "k1").jwks()));
  t.is(await verdictOf(check, header), "BAD_SIGNATURE", "another key has the kid now");
  await held.replace(Buffer.from(testIssuer("ES256", "k2").jwks()));
  t.is(await verdictOf(check, header), "UNKNOWN_KEY");
});

test("a key that the issuer has just published is looked for once", async (t) => {
  let reloads = 0;
  const { issuer, verdict } = await bearerUnderTest({
    keysOf: (held) => ({
      find: held.find,
      reload() {
        reloads += 1;
        return held.replace(Buffer.from(issuer.jwks()));
      },
    }),
  });
  issuer.rotate("k2");
  t.is(await verdict(issuer.sign(CLAIMS)), "jwt:ci:deploy by jwt");
  t.is(reloads, 1);
  t.is(await verdict(issuer.sign(CLAIMS, { kid: "k3" })), "UNKNOWN_KEY");
});

test("keys that can't be read are an outage, not a bad proof", async (t) => {
  const cause = new Error("the issuer is down");
  const { check, issuer } = await bearerUnderTest({
    keysOf: () => ({ find: () => undefined, reload: () => Promise.reject(cause) }),
  });
  const error = await t.throwsAsync(async () => check(`Bearer ${issuer.sign(CLAIMS)}`), { instanceOf: Problem });
  t.like(error, { code: "KEYS_UNAVAILABLE", cause, retryAfterMs: 5_000 });
});

test("no error holds a part of the token", async (t) => {
  const { check, issuer } = await bearerUnderTest();
  const secret = "s3cret-claim";
  for (const token of [
    issuer.sign({ ...CLAIMS, sub: `${secret} ` }),
    issuer.sign({ ...CLAIMS, iss: secret }),
    issuer.sign({ ...CLAIMS, aud: secret }),
    issuer.sign(CLAIMS, { kid: secret }),
    issuer.sign(CLAIMS, { typ: secret }),
    issuer.sign(CLAIMS, { alg: secret }),
    `${issuer.sign(CLAIMS)}${secret}`,
  ]) {
    const error = await t.throwsAsync(async () => check(`Bearer ${token}`), { instanceOf: Problem });
    const text = JSON.stringify([error?.message, error?.metadata]);
    t.false(
      [secret, ...token.split(".")].some((part) => text.includes(part)),
      text,
    );
  }
});
