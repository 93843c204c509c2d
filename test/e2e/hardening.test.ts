import { sign } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";
import test from "ava";
import { IssueTokenRequest, IssueTokenResponse } from "../../src/gen/signet/v1/token.ts";
import type { KeyPolicy } from "../../src/keys/rotating/policy.ts";
import { badFields, type Dialect, dialect, verdictOf } from "../support/profiles/dialect.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";
import { field } from "../support/protobuf/bytes.ts";
import { revokeKey } from "../support/service/key-calls.ts";
import { rawClient } from "../support/service/raw-client.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { FAST_ROTATION, issue, type Service, startService } from "../support/service/service.ts";
import { type Ending, shared } from "../support/service/shared.ts";
import { tlsFiles } from "../support/tls/tls-files.ts";
import { CALLER, certified, clientsWith, grpcTlsEnv } from "../support/tls/tls-service.ts";
import { claimsOf, foreignToken, forge, signedToken } from "../support/tokens/foreign-token.ts";
import { jwkOf, publicPemOf, vendorKey } from "../support/tokens/vendor-keys.ts";

// A representative of each kind of hostile input, by a caller with a certificate. The tests of each check have them all.

/** A service over mTLS, and the calls of one of its callers under two profiles. */
interface Secured {
  readonly address: string;
  readonly channel: ChannelCredentials;
  readonly calls: Pick<Service, "tokens" | "keys">;
  /** Its tokens are signed by Signet. */
  readonly service: Dialect;
  /** Its keys are those of the test, which signs what Signet never would. */
  readonly partner: Dialect;
}

const ISSUER = "https://tokens.example.org";
const [ed, ec] = [vendorKey("EdDSA"), vendorKey("ES256")];

interface Changes {
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly policy?: KeyPolicy;
}

async function startSecured(t: Ending, { now = Date.now, policy }: Changes = {}): Promise<Secured> {
  const files = await tlsFiles(t);
  const imported = { "keyset: service\n  algorithm: EdDSA": "imported: [EdDSA, ES256]" };
  const env = {
    ...(await grpcTlsEnv(t, files, ["service", "partner"])),
    SIGNET_PROFILES_FOLDER: await folderWithVariant(t, "service", "partner", imported),
    SIGNET_ISSUER: ISSUER,
  };
  const { app } = await startService(t, { env, surroundings: { now }, ...(policy && { policy }) });
  const channel = await certified(files);
  const address = app.addresses.grpc;
  const calls = clientsWith(t, address, channel);
  const defaults = { issue: { subject: "alice", audience: ["api"] }, verify: { audience: "api" } };
  const [service, partner] = [dialect(calls, "service", defaults), dialect(calls, "partner", defaults)];
  await partner.importSecret(JSON.stringify(jwkOf(ec)), { keyId: "ec", algorithm: "ES256" });
  await partner.importSecret(JSON.stringify(jwkOf(ed)), { keyId: "ed", algorithm: "EdDSA" });
  return { address, channel, calls, service, partner };
}

const secured = shared(test, (t) => startSecured(t));

const HEADER = { alg: "EdDSA", typ: "at+jwt", kid: "ed" };
const EC_HEADER = { ...HEADER, alg: "ES256", kid: "ec" };
const NOW = Math.floor(Date.now() / 1000);
const CLAIMS = {
  ...{ iss: ISSUER, sub: "alice", aud: "api", client_id: CALLER, jti: "id-1" },
  // As long as the profile allows: the file may take minutes on a busy machine.
  ...{ iat: NOW, exp: NOW + 3_600 },
};
const withHeader = (members: object | string) =>
  forge(typeof members === "string" ? members : { ...HEADER, ...members }, CLAIMS, ed);
const withClaims = (members: object) => forge(HEADER, { ...CLAIMS, ...members }, ed);
/** A payload with more text before its members. */
const before = (text: string) => forge(HEADER, `${text}${JSON.stringify(CLAIMS).slice(1)}`, ed);
const GOOD = withClaims({});
const [header = "", payload = "", signature = ""] = GOOD.split(".");

/** P-256's order (FIPS 186-5; SEC 2, 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const bytesOf = (scalar: bigint) => Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
/** An ES256 token whose signature is made from a good one's two numbers. */
const withPoints = (signature: (r: bigint, s: bigint) => Buffer, claims: object = CLAIMS) =>
  signedToken(EC_HEADER, claims, (input) => {
    const good = sign("sha256", input, { key: ec, dsaEncoding: "ieee-p1363" }).toString("hex");
    return signature(BigInt(`0x${good.slice(0, 64)}`), BigInt(`0x${good.slice(64)}`));
  });
const pair = (r: bigint, s: bigint) => Buffer.concat([bytesOf(r), bytesOf(s)]);
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

type Shown = readonly [what: string, token: string, verdict: string];

/** Each kind of attack on VerifyToken, with the verdict on each of its tokens. */
const SHOWN: readonly (readonly [kind: string, tokens: readonly Shown[]])[] = [
  [
    "control: what the keys of the test have signed by the rules is valid",
    [
      ["EdDSA", GOOD, "valid"],
      ["ES256", withPoints(pair), "valid"],
      ["several audiences", withClaims({ aud: ["other", "api"] }), "valid"],
      ["another claim", withClaims({ x: [Number.MAX_SAFE_INTEGER, "\u00e9"] }), "valid"],
    ],
  ],
  [
    "a text that is no compact serialisation is MALFORMED",
    [
      ["one dot", `${header}.${payload}`, "MALFORMED"],
      ["only dots", "......", "MALFORMED"],
      ["an empty part", `${header}..${signature}`, "MALFORMED"],
      ["the JSON serialisation", JSON.stringify({ payload, protected: header, signature }), "MALFORMED"],
      ["a JWE", `${GOOD}.${payload}.${signature}`, "MALFORMED"],
    ],
  ],
  [
    "a second spelling of the same bytes is MALFORMED",
    [
      ["a space", ` ${GOOD}`, "MALFORMED"],
      ["a line feed", `${GOOD}\n`, "MALFORMED"],
      ["padding", `${GOOD}==`, "MALFORMED"],
      ["plain base64", `${header}.${payload}.+${signature.slice(1)}`, "MALFORMED"],
      ["unused bits", GOOD.slice(0, -1) + String.fromCharCode(GOOD.charCodeAt(GOOD.length - 1) + 1), "MALFORMED"],
    ],
  ],
  [
    "JSON that two parsers read differently is MALFORMED",
    [
      ["a byte order mark", withHeader(`\ufeff${JSON.stringify(HEADER)}`), "MALFORMED"],
      ["a name twice in the header", withHeader(`{"alg":"none",${JSON.stringify(HEADER).slice(1)}`), "MALFORMED"],
      ["a name twice in the payload", before('{"sub":"root",'), "MALFORMED"],
      ["a lone surrogate", before('{"x":"\\ud800",'), "MALFORMED"],
      ["__proto__", before('{"__proto__":{"admin":true},'), "MALFORMED"],
      ["constructor", before('{"x":{"constructor":1},'), "MALFORMED"],
    ],
  ],
  [
    "what is huge is TOO_LARGE before anything is parsed",
    [
      ["a header", withHeader({ kid: "k".repeat(600_000) }), "TOO_LARGE"],
      ["200 000 dots", ".".repeat(200_000), "TOO_LARGE"],
      [
        "many keys",
        withClaims(Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`k${i}`, 1]))),
        "TOO_LARGE",
      ],
      ["deep nesting", before(`{"x":${nested(150_000)},`), "TOO_LARGE"],
      ["nesting within the size", before(`{"x":${nested(2_000)},`), "MALFORMED"],
    ],
  ],
  [
    "an algorithm that is not that of the key is ALGORITHM_NOT_ALLOWED",
    [
      ["none", signedToken({ ...HEADER, alg: "none" }, CLAIMS, () => Buffer.alloc(64)), "ALGORITHM_NOT_ALLOWED"],
      ["none in another spelling", withHeader({ alg: "NoNe" }), "ALGORITHM_NOT_ALLOWED"],
      [
        "a public key as the secret of HMAC",
        foreignToken({ ...EC_HEADER, alg: "HS256" }, CLAIMS, Buffer.from(publicPemOf(ec))),
        "ALGORITHM_NOT_ALLOWED",
      ],
      ["the algorithm of another key", withHeader({ alg: "ES256" }), "ALGORITHM_NOT_ALLOWED"],
    ],
  ],
  [
    "a kid that names no key is refused by its form, or is UNKNOWN_KEY",
    [
      ["missing", withHeader({ kid: undefined }), "HEADER_INVALID"],
      ["a number", withHeader({ kid: 1 }), "HEADER_INVALID"],
      ["a list", withHeader({ kid: ["ed"] }), "HEADER_INVALID"],
      ["SQL", withHeader({ kid: "' OR 1=1 --" }), "HEADER_INVALID"],
      ["NUL", withHeader({ kid: "ed\0" }), "HEADER_INVALID"],
      ["a path", withHeader({ kid: "../ed" }), "UNKNOWN_KEY"],
      ["a property of every object", withHeader({ kid: "__proto__" }), "UNKNOWN_KEY"],
      ["a key of another profile", forge({ ...HEADER, kid: "service" }, CLAIMS, ed), "UNKNOWN_KEY"],
    ],
  ],
  [
    "a signature of ECDSA that is out of range, or in DER, is BAD_SIGNATURE",
    [
      ["r = 0", withPoints((_, s) => pair(0n, s)), "BAD_SIGNATURE"],
      ["s = 0", withPoints((r) => pair(r, 0n)), "BAD_SIGNATURE"],
      ["r = s = 0", withPoints(() => pair(0n, 0n)), "BAD_SIGNATURE"],
      ["s = n", withPoints((r) => pair(r, ORDER)), "BAD_SIGNATURE"],
      ["all ones", withPoints(() => Buffer.alloc(64, 0xff)), "BAD_SIGNATURE"],
      ["DER", signedToken(EC_HEADER, CLAIMS, (input) => sign("sha256", input, ec)), "BAD_SIGNATURE"],
    ],
  ],
  [
    "times that no library agrees on are refused, each by its reason",
    [
      ["exp 1e400", forge(HEADER, JSON.stringify(CLAIMS).replace(/"exp":\d+/, '"exp":1e400'), ed), "CLAIM_INVALID"],
      ["exp as a fraction", withClaims({ exp: NOW + 0.5 }), "CLAIM_INVALID"],
      ["exp as a text", withClaims({ exp: String(NOW + 300) }), "CLAIM_INVALID"],
      ["exp 0", withClaims({ exp: 0 }), "CLAIM_INVALID"],
      ["exp below 0", withClaims({ exp: -1 }), "CLAIM_INVALID"],
      ["no exp", withClaims({ exp: undefined }), "EXP_MISSING"],
      ["nbf −1e400", before('{"nbf":-1e400,'), "CLAIM_INVALID"],
      ["exp in milliseconds", withClaims({ exp: (NOW + 300) * 1000 }), "LIFETIME_EXCEEDED"],
      ["no iat, and exp too far", withClaims({ iat: undefined, exp: NOW + 86_400 }), "LIFETIME_EXCEEDED"],
      ["nbf in milliseconds", withClaims({ nbf: NOW * 1000 }), "NOT_YET_VALID"],
      ["iat in the future", withClaims({ iat: NOW + 3_600, exp: NOW + 3_900 }), "NOT_YET_VALID"],
      ["a past exp", withClaims({ iat: NOW - 900, exp: NOW - 600 }), "EXPIRED"],
    ],
  ],
  [
    "registered claims of another type are CLAIM_INVALID",
    [
      ["aud []", withClaims({ aud: [] }), "CLAIM_INVALID"],
      ["aud {}", withClaims({ aud: {} }), "CLAIM_INVALID"],
      ["aud with a number", withClaims({ aud: ["api", 1] }), "CLAIM_INVALID"],
      ["sub as a number", withClaims({ sub: 1 }), "CLAIM_INVALID"],
      ["an empty sub", withClaims({ sub: "" }), "CLAIM_INVALID"],
      ["jti as a number", withClaims({ jti: 1 }), "CLAIM_INVALID"],
    ],
  ],
  [
    "a token of another kind is TYPE_MISMATCH, and one for others is refused by what they are",
    [
      ["an ID token", withHeader({ typ: "JWT" }), "TYPE_MISMATCH"],
      ["no typ", withHeader({ typ: undefined }), "TYPE_MISMATCH"],
      ["a logout token", withHeader({ typ: "logout+jwt" }), "TYPE_MISMATCH"],
      ["another issuer", withClaims({ iss: "https://other.example.org" }), "ISSUER_MISMATCH"],
      ["another audience", withClaims({ aud: "other" }), "AUDIENCE_MISMATCH"],
    ],
  ],
];

// A verdict on a token that is not valid has no claims: verdictOf throws otherwise.
for (const [kind, tokens] of SHOWN)
  test(`over mTLS, ${kind}`, async (t) => {
    const { partner } = await secured();
    for (const [what, token, verdict] of tokens) t.is(verdictOf(await partner.verify(token)), verdict, what);
  });

test("over mTLS, what is larger than any message is RESOURCE_EXHAUSTED, and other connections go on", async (t) => {
  const { address, channel, partner } = await secured();
  const other = dialect(clientsWith(t, address, channel), "partner");
  const huge = withHeader({ kid: "k".repeat(15_000_000) });
  t.is((await failureOf(other.verify(huge))).code, "RESOURCE_EXHAUSTED");
  t.is(verdictOf(await partner.verify(GOOD)), "valid");
});

test("over mTLS, a header that brings its own key or rules is HEADER_INVALID, and nothing is fetched", async (t) => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const { partner } = await secured();
  for (const members of [
    { jwk: jwkOf(ed, { d: undefined }) },
    ...[{ jku: url }, { x5u: url }, { x5c: ["AA"] }, { crit: ["b64"], b64: false }, { zip: "DEF" }],
  ])
    t.is(verdictOf(await partner.verify(withHeader(members))), "HEADER_INVALID", Object.keys(members)[0]);
  t.is(connections, 0);
});

test("over mTLS, a flood of unknown kids is answered UNKNOWN_KEY, and good tokens are valid beside it", async (t) => {
  const { partner } = await secured();
  const tokens = Array.from({ length: 500 }, (_, at) => withHeader({ kid: `flood-${at}` }));
  const verdicts = await Promise.all([...tokens, GOOD].map(async (token) => verdictOf(await partner.verify(token))));
  t.deepEqual([verdicts.pop(), new Set(verdicts)], ["valid", new Set(["UNKNOWN_KEY"])]);
});

test("over mTLS, the other signature of ECDSA is good as well, and a revocation ends both", async (t) => {
  const { calls, partner } = await secured();
  let other = "";
  const token = withPoints(
    (r, s) => {
      other = pair(r, ORDER - s).toString("base64url");
      return pair(r, s);
    },
    { ...CLAIMS, jti: "twins" },
  );
  const twins = [token, `${token.slice(0, token.lastIndexOf("."))}.${other}`];
  const verdicts = () => Promise.all(twins.map(async (twin) => verdictOf(await partner.verify(twin))));
  t.deepEqual(await verdicts(), ["valid", "valid"]);
  await revokeTokens(calls, { profile: "partner", tokenIds: ["twins"] });
  t.deepEqual(await verdicts(), ["REVOKED", "REVOKED"]);
});

test("over mTLS, a token that was valid a moment ago ends with its life, its revocation and its key", async (t) => {
  const clock = { now: Date.now() };
  const { calls, service, partner } = await startSecured(t, { now: () => clock.now });
  const key = vendorKey("EdDSA");
  const ofNewKey = forge({ ...HEADER, kid: "new" }, CLAIMS, key);
  t.is(verdictOf(await partner.verify(ofNewKey)), "UNKNOWN_KEY");
  await partner.importSecret(JSON.stringify(jwkOf(key)), { keyId: "new", algorithm: "EdDSA" });
  t.is(verdictOf(await partner.verify(ofNewKey)), "valid", "a rejection is not remembered");
  const [{ token, tokenId }, later] = [await service.issue({}), await service.issue({})];
  for (const _ of ["first", "remembered"]) t.is(verdictOf(await service.verify(token)), "valid");

  await revokeTokens(calls, { tokenIds: [tokenId] });
  t.is(verdictOf(await service.verify(token)), "REVOKED");
  await revokeKey(calls, "new", { profile: "partner" });
  t.is(verdictOf(await partner.verify(ofNewKey)), "KEY_REVOKED");
  t.is(verdictOf(await service.verify(later.token)), "valid");
  clock.now += 361_000;
  t.is(verdictOf(await service.verify(later.token)), "EXPIRED", "after 5 minutes and the leeway");
});

const numbered = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 1]));
const levels = (depth: number): object => (depth === 0 ? {} : { a: levels(depth - 1) });
const seconds = (count: bigint, nanos = 0) => ({ seconds: count, nanos });

type Asked = readonly [what: string, request: Partial<IssueTokenRequest>, fields: readonly string[]];
/** `true` as a google.protobuf.Value. */
const TRUE = Buffer.from([0x20, 1]);

/** Each kind of hostile IssueToken, with the fields that are refused. */
const ASKED: readonly (readonly [kind: string, requests: readonly Asked[]])[] = [
  [
    "control: what the profile lets a caller set is issued",
    [["claims up to their limits", { claims: { scope: "a b", n: Number.MAX_SAFE_INTEGER, ...levels(7) } }, []]],
  ],
  [
    "a caller sets no claim that the service sets, and none that the profile does not allow",
    ["iss", "iat", "exp", "nbf", "jti", "sub", "aud", "client_id", "act", "cnf"].map(
      (name) => [name, { claims: { [name]: 1 } }, [`claims.${name}`]] as const,
    ),
  ],
  [
    "claims that are too large, too deep or too many are refused by their path",
    [
      ["size", { claims: { x: "a".repeat(4_100), y: "a".repeat(4_100) } }, ["claims"]],
      ["depth", { claims: { a: levels(8) } }, ["claims.a.a.a.a.a.a.a.a"]],
      ["keys", { claims: numbered(513) }, ["claims"]],
    ],
  ],
  [
    "a number that is not exact, or is none, is refused by its path",
    [
      ["2^53", { claims: { x: [2 ** 53] } }, ["claims.x[0]"]],
      ["−2^53", { claims: { x: -(2 ** 53) } }, ["claims.x"]],
      ["NaN", { claims: { x: Number.NaN } }, ["claims.x"]],
      ["Infinity", { claims: { x: Number.POSITIVE_INFINITY } }, ["claims.x"]],
    ],
  ],
  [
    "a name that a program could mistake for its own is refused by its path",
    [["constructor", { claims: { x: { constructor: 1 } } }, ["claims.x.constructor"]]],
  ],
  [
    "a ttl beyond the bounds is refused, never cut",
    [
      ["0", { ttl: seconds(0n) }, ["ttl"]],
      ["negative", { ttl: seconds(-1n) }, ["ttl"]],
      ["part of a second", { ttl: seconds(60n, 1) }, ["ttl"]],
      ["a second more than the profile allows", { ttl: seconds(3_601n) }, ["ttl"]],
      ["2^63 − 1 seconds", { ttl: seconds(2n ** 63n - 1n) }, ["ttl"]],
      ["control: the longest", { ttl: seconds(3_600n) }, []],
    ],
  ],
  [
    "all faults of a request are named at once",
    [
      [
        "everything",
        { subject: "", audience: [], ttl: seconds(0n), claims: { exp: 1, n: Number.NaN } },
        ["audience", "claims.exp", "claims.n", "subject", "ttl"],
      ],
    ],
  ],
];

for (const [kind, requests] of ASKED)
  test(`over mTLS, ${kind}`, async (t) => {
    const { calls } = await secured();
    for (const [what, request, fields] of requests)
      if (fields.length === 0) t.like(claimsOf((await issue(calls, request)).token), { client_id: CALLER }, what);
      else t.deepEqual(await badFields(issue(calls, request)), fields, what);
  });

test("over mTLS, a ttl that is refused names its bounds", async (t) => {
  const { calls } = await secured();
  const { violations } = await failureOf(issue(calls, { ttl: seconds(3_601n) }));
  t.regex(violations[0]?.description ?? "", /from 1s to 3600s/);
});

test("over mTLS, texts that are not UTF-8 are UNDECODABLE, and __proto__ is refused by its path", async (t) => {
  const { address, channel } = await secured();
  const send = rawClient(t, address, channel);
  const request = IssueTokenRequest.encode(
    IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] }),
  ).finish();
  const asked = (more: Buffer) => send("signet.v1.TokenService/IssueToken", Buffer.concat([request, more]));
  const claim = (name: string | Buffer) => field(6, field(1, Buffer.concat([field(1, name), field(2, TRUE)])));
  t.is(IssueTokenResponse.decode(await asked(claim("x"))).claims?.x, true);
  const { code, reason } = await failureOf(asked(claim(Buffer.from([0xff]))));
  t.deepEqual([code, reason], ["INVALID_ARGUMENT", "UNDECODABLE"]);
  t.deepEqual(await badFields(asked(claim("__proto__"))), ["claims.__proto__"]);
});

test("over mTLS, a request_id gives the same token again, and with another request ALREADY_EXISTS", async (t) => {
  const { calls } = await secured();
  const [first, again] = [await issue(calls, { requestId: "r-1" }), await issue(calls, { requestId: "r-1" })];
  t.is(again.token, first.token);
  const { code, reason } = await failureOf(issue(calls, { requestId: "r-1", subject: "bob" }));
  t.deepEqual([code, reason], ["ALREADY_EXISTS", "REQUEST_ID_REUSED"]);
});

test("over mTLS, a private key whose public half is another one's is not imported", async (t) => {
  const { partner } = await secured();
  const { x } = jwkOf(vendorKey("EdDSA"));
  const mixed = JSON.stringify(jwkOf(vendorKey("EdDSA"), { x }));
  const { code, reason } = await failureOf(partner.importSecret(mixed, { keyId: "mixed", algorithm: "EdDSA" }));
  t.deepEqual([code, reason], ["INVALID_ARGUMENT", "INVALID_REQUEST"]);
});

test("over mTLS, while no key may sign nothing is issued, and what is issued is never born invalid", async (t) => {
  const clock = { now: Date.now() };
  const { calls, service } = await startSecured(t, { now: () => clock.now, policy: FAST_ROTATION });
  const outcomes = new Set<string>();
  // All keys have ended, and the ring notices it within a second: on a busy machine, mostly before the call.
  for (let hour = 0; hour < 8 || (hour < 200 && [...outcomes].every((one) => one === "valid")); hour += 1) {
    clock.now += 3_600_000;
    const outcome = await issue(calls, { ttl: seconds(5n) }).then(
      async ({ token }) => verdictOf(await service.verify(token)),
      async (error) => {
        const { code, reason, retryAfterMs } = await failureOf(Promise.reject(error));
        return `${code} ${reason}, again after ${retryAfterMs} ms`;
      },
    );
    outcomes.add(outcome);
  }
  outcomes.delete("valid");
  t.deepEqual([...outcomes], ["UNAVAILABLE NO_SIGNING_KEY, again after 1000 ms"]);
});
