import { createHash, sign } from "node:crypto";
import test from "ava";
import { MAX_TOKEN_LENGTH } from "../../../src/token/verify/compact.ts";
import { type Expectation, type Verdict, verifyToken } from "../../../src/token/verify/verify.ts";
import { ISSUER, serviceProfile } from "../../support/profiles/profiles.ts";
import { forge } from "../../support/tokens/foreign-token.ts";
import { UNREVOKED } from "../../support/tokens/no-revocations.ts";
import { oneKey } from "../../support/tokens/token-keys.ts";

const profile = serviceProfile();
const { keys, kid, privateKey } = oneKey();
const NOW = 1_800_000_000;
const header = { alg: "EdDSA", typ: "at+jwt", kid };
const claims = {
  iss: ISSUER,
  sub: "alice",
  aud: "api",
  client_id: "loopback",
  iat: NOW,
  exp: NOW + 300,
  jti: "id-1",
};

function verifyAt(token: string, seconds = NOW, changes: Partial<Expectation> = {}): Verdict {
  const time = seconds * 1000;
  const expected = { profile, keys, tenant: "", audience: "api", context: {}, now: time, at: time, ...UNREVOKED };
  return verifyToken({ token, maxLength: MAX_TOKEN_LENGTH }, { ...expected, ...changes });
}

function reasonOf(token: string, seconds = NOW): string {
  const verdict = verifyAt(token, seconds);
  return verdict.valid ? "valid" : verdict.rejection.reason;
}

const withClaims = (changes: object | string) =>
  forge(header, typeof changes === "string" ? changes : { ...claims, ...changes }, privateKey);
const withHeader = (changes: object | string) =>
  forge(typeof changes === "string" ? changes : { ...header, ...changes }, claims, privateKey);
const good = withClaims({});

test("a good token is valid, and the answer has its claims", (t) => {
  const verdict = verifyAt(good);
  t.true(verdict.valid);
  if (!verdict.valid) return;
  t.deepEqual(verdict.claims, claims);
  t.is(verdict.subject, "alice");
  t.is(verdict.keyId, kid);
  t.is(verdict.issuedAt, NOW);
  t.is(verdict.expiresAt, NOW + 300);
});

const [h = "", p = "", s = ""] = good.split(".");
const lastBitsChanged = `${s.slice(0, -1)}${String.fromCharCode(s.charCodeAt(s.length - 1) + 1)}`;
const cases: readonly [title: string, token: string, reason: string][] = [
  ["more than 8 KiB", `${h}.${"A".repeat(8200)}.${s}`, "TOO_LARGE"],
  ["20 MB of dots", ".".repeat(20_000_000), "TOO_LARGE"],
  ["nothing", "", "MALFORMED"],
  ["one dot", `${h}.${p}`, "MALFORMED"],
  ["a JWE of five parts", `${h}.${p}.${s}.${p}.${s}`, "MALFORMED"],
  ["only dots", "..", "MALFORMED"],
  ["an empty header", `.${p}.${s}`, "MALFORMED"],
  ["an empty payload", `${h}..${s}`, "MALFORMED"],
  ["an empty signature", `${h}.${p}.`, "MALFORMED"],
  ["the JSON serialisation", JSON.stringify({ payload: p, signatures: [{ protected: h, signature: s }] }), "MALFORMED"],
  ["a space before", ` ${good}`, "MALFORMED"],
  ["a newline behind", `${good}\n`, "MALFORMED"],
  ["padding behind", `${good}==`, "MALFORMED"],
  ["a character of plain base64", `${h}.${p}.+${s.slice(1)}`, "MALFORMED"],
  ["a character beyond ASCII that ends in the same byte", `${h}.${p}.${s.slice(0, -1)}\u0141`, "MALFORMED"],
  ["unused bits in the last character of the signature", `${h}.${p}.${lastBitsChanged}`, "MALFORMED"],
  ["a header that is no JSON", withHeader("{"), "MALFORMED"],
  ["a header that is an array", withHeader("[]"), "MALFORMED"],
  ["a byte order mark before the header", withHeader(`\ufeff${JSON.stringify(header)}`), "MALFORMED"],
  ["a name twice in the header", withHeader(`{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"${kid}"}`), "MALFORMED"],
  ["__proto__ in the header", withHeader(`{"__proto__":{},"alg":"EdDSA","kid":"${kid}"}`), "MALFORMED"],
  ["deep nesting in the header", withHeader(`{"alg":${"[".repeat(2000)}${"]".repeat(2000)}}`), "MALFORMED"],
  ["jwk in the header", withHeader({ jwk: { kty: "OKP", crv: "Ed25519", x: "AA" } }), "HEADER_INVALID"],
  ["jku in the header", withHeader({ jku: "http://127.0.0.1/keys" }), "HEADER_INVALID"],
  ["x5u in the header", withHeader({ x5u: "http://127.0.0.1/cert" }), "HEADER_INVALID"],
  ["x5c in the header", withHeader({ x5c: ["AA"] }), "HEADER_INVALID"],
  ["crit in the header", withHeader({ crit: ["exp"] }), "HEADER_INVALID"],
  ["b64 in the header", withHeader({ b64: false }), "HEADER_INVALID"],
  ["zip in the header", withHeader({ zip: "DEF" }), "HEADER_INVALID"],
  ["no alg", withHeader({ alg: undefined }), "HEADER_INVALID"],
  ["an alg that is a number", withHeader({ alg: 1 }), "HEADER_INVALID"],
  ["no kid", withHeader({ kid: undefined }), "HEADER_INVALID"],
  ["a kid that is a number", withHeader({ kid: 1 }), "HEADER_INVALID"],
  ["a kid that is an array", withHeader({ kid: [kid] }), "HEADER_INVALID"],
  ["a kid with a space", withHeader({ kid: `${kid} ` }), "HEADER_INVALID"],
  ["a kid of 256 characters", withHeader({ kid: "k".repeat(256) }), "HEADER_INVALID"],
  ["a kid that is not ASCII", withHeader({ kid: `${kid}\u00e9` }), "HEADER_INVALID"],
  ["a kid with SQL", withHeader({ kid: "' OR 1=1 --" }), "HEADER_INVALID"],
  ["a kid with NUL", withHeader({ kid: `${kid}\0` }), "HEADER_INVALID"],
  ["a typ that is a number", withHeader({ typ: 1 }), "HEADER_INVALID"],
  ["a kid that is a path", withHeader({ kid: "../../etc/passwd" }), "UNKNOWN_KEY"],
  ["a kid of 255 characters", withHeader({ kid: "~".repeat(255) }), "UNKNOWN_KEY"],
  ["an unknown kid", withHeader({ kid: "unknown" }), "UNKNOWN_KEY"],
  ["a kid that names a property of every object", withHeader({ kid: "__proto__" }), "UNKNOWN_KEY"],
  ["alg none", withHeader({ alg: "none" }), "ALGORITHM_NOT_ALLOWED"],
  ["alg NoNe", withHeader({ alg: "NoNe" }), "ALGORITHM_NOT_ALLOWED"],
  ["alg HS256 with the public key as the secret", withHeader({ alg: "HS256" }), "ALGORITHM_NOT_ALLOWED"],
  ["alg Ed25519, another name of the same", withHeader({ alg: "Ed25519" }), "ALGORITHM_NOT_ALLOWED"],
  ["another typ", withHeader({ typ: "JWT" }), "TYPE_MISMATCH"],
  ["no typ", withHeader({ typ: undefined }), "TYPE_MISMATCH"],
  [
    "another payload",
    `${h}.${Buffer.from(JSON.stringify({ ...claims, sub: "mallory" })).toString("base64url")}.${s}`,
    "BAD_SIGNATURE",
  ],
  ["a signature of one byte", `${h}.${p}.AA`, "BAD_SIGNATURE"],
  ["a signature by another key", forge(header, claims, oneKey().privateKey), "BAD_SIGNATURE"],
  ["a payload that is no object", withClaims("1"), "MALFORMED"],
  ["a name twice in the payload", withClaims(`{"sub":"a",${JSON.stringify(claims).slice(1)}`), "MALFORMED"],
  ["a name twice, once escaped", withClaims(`{"\\u0073ub":"a",${JSON.stringify(claims).slice(1)}`), "MALFORMED"],
  ["a name twice, deep inside", withClaims(`{"x":[{"a":1,"a":2}],${JSON.stringify(claims).slice(1)}`), "MALFORMED"],
  ["a lone surrogate", withClaims(`{"x":"\\ud800",${JSON.stringify(claims).slice(1)}`), "MALFORMED"],
  ["a constructor name", withClaims({ x: { constructor: 1 } }), "MALFORMED"],
  ["deep nesting in the payload", withClaims(`{"x":${"[".repeat(2500)}${"]".repeat(2500)}}`), "MALFORMED"],
  ["exp as a text", withClaims({ exp: `${NOW + 300}` }), "CLAIM_INVALID"],
  ["exp as a fraction", withClaims({ exp: NOW + 0.5 }), "CLAIM_INVALID"],
  ["exp 1e400", withClaims(JSON.stringify(claims).replace(`"exp":${NOW + 300}`, `"exp":1e400`)), "CLAIM_INVALID"],
  ["exp 0", withClaims({ exp: 0 }), "CLAIM_INVALID"],
  ["exp null", withClaims({ exp: null }), "CLAIM_INVALID"],
  ["nbf −1e400", withClaims(JSON.stringify(claims).replace("{", `{"nbf":-1e400,`)), "CLAIM_INVALID"],
  [
    "a number beyond all doubles, deep inside",
    withClaims(`{"x":[{"y":1e400}],${JSON.stringify(claims).slice(1)}`),
    "MALFORMED",
  ],
  ["the largest exact number", withClaims({ x: [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER] }), "valid"],
  ["a number that loses digits", withClaims({ x: 2 ** 53 }), "CLAIM_INVALID"],
  ["a negative number that loses digits, deep inside", withClaims({ x: [{ y: -(2 ** 53) }] }), "CLAIM_INVALID"],
  ["the largest double", withClaims({ x: Number.MAX_VALUE }), "CLAIM_INVALID"],
  ["a number that loses digits, and another issuer", withClaims({ x: 2 ** 53, iss: "other" }), "CLAIM_INVALID"],
  ["iat as a fraction", withClaims({ iat: NOW - 0.5 }), "CLAIM_INVALID"],
  ["sub as a number", withClaims({ sub: 1 }), "CLAIM_INVALID"],
  ["an empty sub", withClaims({ sub: "" }), "CLAIM_INVALID"],
  ["jti as a number", withClaims({ jti: 1 }), "CLAIM_INVALID"],
  ["aud []", withClaims({ aud: [] }), "CLAIM_INVALID"],
  ["aud {}", withClaims({ aud: {} }), "CLAIM_INVALID"],
  ["aud with a number", withClaims({ aud: ["api", 1] }), "CLAIM_INVALID"],
  ["another issuer", withClaims({ iss: "https://other.test" }), "ISSUER_MISMATCH"],
  ["no issuer", withClaims({ iss: undefined }), "ISSUER_MISMATCH"],
  ["no exp", withClaims({ exp: undefined }), "EXP_MISSING"],
  ["a life longer than the profile's", withClaims({ exp: NOW + 3601 }), "LIFETIME_EXCEEDED"],
  ["exp 1e21", withClaims({ exp: 1e21 }), "CLAIM_INVALID"],
  ["exp as the largest exact number", withClaims({ exp: Number.MAX_SAFE_INTEGER }), "LIFETIME_EXCEEDED"],
  ["exp in milliseconds", withClaims({ exp: (NOW + 300) * 1000 }), "LIFETIME_EXCEEDED"],
  ["no iat and an exp that is too far", withClaims({ iat: undefined, exp: NOW + 3601 }), "LIFETIME_EXCEEDED"],
  ["nbf in the future", withClaims({ nbf: NOW + 61 }), "NOT_YET_VALID"],
  ["nbf in milliseconds", withClaims({ nbf: NOW * 1000 }), "NOT_YET_VALID"],
  ["iat in the future", withClaims({ iat: NOW + 61, exp: NOW + 300 }), "NOT_YET_VALID"],
  ["another audience", withClaims({ aud: "other" }), "AUDIENCE_MISMATCH"],
  ["no audience", withClaims({ aud: undefined }), "AUDIENCE_MISMATCH"],
  ["an audience that only begins like ours", withClaims({ aud: ["api2", "ap"] }), "AUDIENCE_MISMATCH"],
  ["no sub", withClaims({ sub: undefined }), "CLAIM_MISSING"],
  ["no client_id", withClaims({ client_id: undefined }), "CLAIM_MISSING"],
  ["no iat", withClaims({ iat: undefined }), "CLAIM_MISSING"],
  ["no jti", withClaims({ jti: undefined }), "CLAIM_MISSING"],
  ["client_id as a number", withClaims({ client_id: 1 }), "CLAIM_INVALID"],
  ["an array of audiences that contains ours", withClaims({ aud: ["other", "api"] }), "valid"],
  [
    "iat and nbf in the future within the leeway",
    withClaims({ iat: NOW + 60, nbf: NOW + 60, exp: NOW + 300 }),
    "valid",
  ],
  ["typ in another case", withHeader({ typ: "AT+JWT" }), "valid"],
  ["typ as a whole media type", withHeader({ typ: "application/at+jwt" }), "valid"],
  ["typ of another kind of media", withHeader({ typ: "text/at+jwt" }), "TYPE_MISMATCH"],
];

for (const [title, token, reason] of cases)
  test(`${title}: ${reason}`, (t) => {
    t.is(reasonOf(token), reason);
  });

test("a payload of invalid UTF-8 under a good signature is MALFORMED", (t) => {
  const input = `${h}.${Buffer.from('{"a":"\xff"}', "latin1").toString("base64url")}`;
  const token = `${input}.${sign(null, Buffer.from(input), privateKey).toString("base64url")}`;
  t.is(reasonOf(token), "MALFORMED");
});

test("a token expires at exp + leeway and not a second before", (t) => {
  t.is(reasonOf(good, NOW + 300 + 59), "valid");
  t.is(reasonOf(good, NOW + 300 + 60), "EXPIRED");
});

test("a token of a key that no longer verifies is KEY_RETIRED", (t) => {
  const verdict = verifyAt(good, NOW, { keys: { ...keys, verifier: () => ({ state: "retired" }) } });
  t.is(verdict.valid ? "valid" : verdict.rejection.reason, "KEY_RETIRED");
});

test("the verdict on a rejected token has no claims, and its id only after a good signature", (t) => {
  const expired = verifyAt(good, NOW + 1000);
  t.deepEqual(Object.keys(expired).sort(), ["identified", "rejection", "valid"]);
  t.deepEqual(expired.valid ? undefined : expired.identified, { keyId: kid, tokenId: "id-1", expiresAt: NOW + 300 });
  const forged = verifyAt(forge(header, claims, oneKey().privateKey));
  t.false("identified" in forged && forged.identified !== undefined);
});

test("the verdict on a token with a good signature and a bad payload has its key and its id", (t) => {
  const hash = createHash("sha256").update(withClaims("1").split(".").slice(0, 2).join(".")).digest("base64url");
  for (const [token, tokenId] of [
    [withClaims("1"), `h.${hash}`],
    [withClaims({ exp: "soon" }), "id-1"],
  ] as const) {
    const verdict = verifyAt(token);
    t.deepEqual(verdict.valid || verdict.identified, { keyId: kid, tokenId, expiresAt: undefined });
  }
});

test("`at` moves the token's clock and leaves the keys to the real one", (t) => {
  const asked: number[] = [];
  const verifier = (kid: string, now: number) => {
    asked.push(now);
    return keys.verifier(kid, now);
  };
  const verdict = verifyAt(good, NOW + 9999, { at: NOW * 1000, keys: { ...keys, verifier } });
  t.true(verdict.valid);
  t.deepEqual(asked, [(NOW + 9999) * 1000]);
});

test("a message never repeats what the token says", (t) => {
  for (const [, token] of cases) {
    const verdict = verifyAt(token);
    if (!verdict.valid) t.notRegex(verdict.rejection.message, /mallory|other|alice|passwd|127\.0\.0\.1/);
  }
});

test("a revoked token is REVOKED after all other checks, and is asked about as what it says it is", (t) => {
  const asked: unknown[] = [];
  const isRevoked = (token: unknown) => asked.push(token) > 0;
  const reason = (changes: object, seconds = NOW) => {
    const verdict = verifyAt(withClaims(changes), seconds, { isRevoked });
    return verdict.valid ? "valid" : verdict.rejection.reason;
  };
  t.is(reason({}, NOW + 1000), "EXPIRED");
  t.is(reason({ aud: "other" }), "AUDIENCE_MISMATCH");
  t.is(reason({ client_id: 7 }), "CLAIM_INVALID");
  t.deepEqual(asked, []);
  const verdict = verifyAt(good, NOW, { isRevoked });
  t.deepEqual(verdict, {
    valid: false,
    rejection: { reason: "REVOKED", message: "the token was revoked" },
    identified: { keyId: kid, tokenId: "id-1", expiresAt: NOW + 300 },
  });
  t.deepEqual(asked, [{ profile: "service", tenant: "", tokenId: "id-1", subject: "alice", issuedAt: NOW }]);
});
