import test from "ava";
import { BatchVerifyTokensRequest, type Carrier, VerifyTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { verifyHandlers } from "../../../src/grpc/services/verify.ts";
import { createVerifyToken } from "../../../src/token/verify/verify-token.ts";
import { LOOPBACK, OPEN_GATE } from "../../support/caller.ts";
import { profileOf } from "../../support/profiles/profiles.ts";
import { foreignToken } from "../../support/tokens/foreign-token.ts";
import { NO_REVOCATIONS } from "../../support/tokens/no-revocations.ts";
import { secretKeys } from "../../support/tokens/secret-keys.ts";
import { carried, NOW } from "../../support/tokens/verifying-under-test.ts";

const PROFILE = `
profile: gate
issuer: none
header: { typ: JWT, kid: absent }
keys: { imported: HS256, encoding: utf8 }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims: [{ name: sub, from: subject }, { name: iat, from: issued_at }, { name: exp, from: expires_at }]
accept: { type: object, required: [sub] }
carriers: [{ in: header, name: authorization, scheme: Bearer }, { in: frame, prefix: "Bearer " }]
`;
const SURFACES = `
surfaces:
  http:
    status: 401
    www_authenticate: Bearer error="invalid_token"
    reasons: { CARRIER_MISSING: { www_authenticate: Bearer } }
  websocket: { code: 4401, reason: not authenticated, reasons: { EXPIRED: { code: 4402, reason: expired } } }
  frame:
    accepted: { ok: true }
    rejected: { ok: false, why: $message }
    silent: [CARRIER_MISSING]
`;
const secret = Buffer.alloc(32, 7);
const signed = (claims: object) =>
  foreignToken({ alg: "HS256", typ: "JWT" }, { sub: "u", iat: NOW, exp: NOW + 60, ...claims }, secret);

function handlers(text = PROFILE + SURFACES, viewAgeMs = 0) {
  const profile = profileOf(text);
  const verify = createVerifyToken({
    profiles: () => new Map([[profile.name, profile]]),
    keysOf: () => secretKeys({ "kid-1": secret }),
    now: () => NOW * 1000,
    onExpressionError: () => {},
    ...NO_REVOCATIONS,
    revocations: { has: () => false, viewAgeMs: () => viewAgeMs },
  });
  const unexpected = (cause: unknown) => {
    throw cause;
  };
  return verifyHandlers(verify, OPEN_GATE.access, { now: () => 0, onUnexpected: unexpected });
}

const asked = (credential: VerifyTokenRequest["credential"]) =>
  VerifyTokenRequest.fromPartial({ profile: "gate", ...(credential && { credential }) });
const token = (value: string) => asked({ $case: "token", value });
const carrier = (parts: Partial<Carrier>) =>
  asked({ $case: "carrier", value: carried(parts as Parameters<typeof carried>[0]) as Carrier });
const header = (value: string) => carrier({ headers: [{ name: "authorization", value }] });
const frame = (text: string) => carrier({ frame: Buffer.from(text) });

test("the answer for a valid token has its claims, its id and its key, and no surface", async (t) => {
  const answer = await handlers().verifyToken(header(`Bearer ${signed({ jti: "id-1" })}`), LOOPBACK);
  t.deepEqual(answer, {
    valid: true,
    rejection: undefined,
    claims: { sub: "u", iat: NOW, exp: NOW + 60, jti: "id-1" },
    tokenId: "id-1",
    subject: "u",
    profile: "gate",
    keyId: "kid-1",
    issuedAt: new Date(NOW * 1000),
    expiresAt: new Date((NOW + 60) * 1000),
    sessionDeadline: undefined,
    warnings: [],
    diagnosis: "",
    keyringGeneration: 1n,
    revocationViewAge: { seconds: 0n, nanos: 0 },
    frame: "",
    idleMax: undefined,
  });
});

test("only a valid token says for how long a connection with it may live, and be idle", async (t) => {
  const clocked = PROFILE.replace("max: 1h }", "max: 1h, session_max: 8h, idle_max: 5m }");
  const { verifyToken } = handlers(clocked);
  t.like(await verifyToken(token(signed({})), LOOPBACK), {
    valid: true,
    sessionDeadline: new Date((NOW + 8 * 3600) * 1000),
    idleMax: { seconds: 300n, nanos: 0 },
  });
  const expired = await verifyToken(token(signed({ iat: 1, exp: 2 })), LOOPBACK);
  t.like(expired, { valid: false, sessionDeadline: undefined, idleMax: undefined });
});

test("a rejection carries what every surface shows, by its reason", async (t) => {
  const expired = await handlers().verifyToken(token(signed({ iat: 1, exp: 2 })), LOOPBACK);
  t.deepEqual(expired.rejection, {
    reason: 18,
    message: "exp is in the past",
    httpStatus: 401,
    wwwAuthenticate: 'Bearer error="invalid_token"',
    websocketCloseCode: 4402,
    websocketCloseReason: "expired",
    frame: "",
  });
  const missing = await handlers().verifyToken(header("Basic x"), LOOPBACK);
  t.like(missing.rejection, {
    reason: 1,
    wwwAuthenticate: "Bearer",
    websocketCloseCode: 4401,
    websocketCloseReason: "not authenticated",
  });
});

test("a profile without surfaces shows none", async (t) => {
  const { rejection } = await handlers(PROFILE).verifyToken(frame("Bearer x"), LOOPBACK);
  t.like(rejection, {
    reason: 4,
    httpStatus: 0,
    wwwAuthenticate: "",
    websocketCloseCode: 0,
    websocketCloseReason: "",
    frame: "",
  });
});

test("a client that sent a frame is answered with one, unless it sent no token at all", async (t) => {
  const { verifyToken } = handlers();
  t.is((await verifyToken(frame(`Bearer ${signed({})}`), LOOPBACK)).frame, '{"ok":true}');
  t.is(
    (await verifyToken(frame("Bearer bad"), LOOPBACK)).rejection?.frame,
    '{"ok":false,"why":"a token must have exactly three parts, separated by dots"}',
  );
  const silent = await verifyToken(frame('{"typ":"sys"}'), LOOPBACK);
  t.like(silent.rejection, { reason: 1, frame: "", httpStatus: 401 });
});

test("milliseconds are for the operator: the client's message has nothing of the diagnosis", async (t) => {
  const { rejection, diagnosis } = await handlers().verifyToken(token(signed({ exp: NOW * 1000 })), LOOPBACK);
  t.is(rejection?.message, "a token must live at most 3600 seconds here");
  t.is(diagnosis, "exp looks like milliseconds; RFC 7519 counts seconds");
});

test("an answer for a token that is not valid holds no claims, no subject and no times but its end", async (t) => {
  const answer = await handlers().verifyToken(token(signed({ iat: 1, exp: 2 })), LOOPBACK);
  t.like(answer, { claims: undefined, subject: "", issuedAt: undefined, expiresAt: new Date(2000), warnings: [] });
});

test("the items of a batch are answered each on its own", async (t) => {
  const items = [token(signed({})), token("bad"), asked(undefined), { ...token("x"), profile: "other" }];
  const { results } = await handlers().batchVerifyTokens(BatchVerifyTokensRequest.fromPartial({ items }), LOOPBACK);
  t.like(results, [
    { result: { $case: "response", value: { valid: true } } },
    { result: { $case: "response", value: { valid: false, rejection: { reason: 4 } } } },
    { result: { $case: "error", value: { code: 3, message: "token is required, or a carrier" } } },
    { result: { $case: "error", value: { code: 5 } } },
  ]);
});

for (const [ms, expected] of [
  [0, { seconds: 0n, nanos: 0 }],
  [1_500, { seconds: 1n, nanos: 500_000_000 }],
  [0.4, { seconds: 0n, nanos: 0 }],
  [Number.POSITIVE_INFINITY, { seconds: 315_576_000_000n, nanos: 0 }],
] as const) {
  test(`a view of the revocations that is ${ms} ms old says so, for a good token and a bad one`, async (t) => {
    for (const shown of [signed({}), "garbage"])
      t.deepEqual((await handlers(PROFILE, ms).verifyToken(token(shown), LOOPBACK)).revocationViewAge, expected);
  });
}
