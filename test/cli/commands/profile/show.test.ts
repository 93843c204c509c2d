import { status } from "@grpc/grpc-js";
import test from "ava";
import { type Profile, Profile as ProfileMessage } from "../../../../src/gen/signet/v1/profiles.ts";
import { errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { signet } from "../../terminal.ts";

const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });

const LOBBY: Profile = ProfileMessage.fromPartial({
  name: "lobby",
  description: "Players of a game",
  digest: "abcdefghijkl",
  issuer: "lobby.example",
  tenantRequired: true,
  tenantClaim: "studio",
  audienceRequired: true,
  subjectClaim: "player",
  header: { typ: "JWT", kidRequired: true, acceptedTyp: ["jwt", ""] },
  keys: { algorithm: "HS256", encoding: "base64" },
  oneTime: true,
  audit: { claims: ["room", "ws.seats"], subject: "clear", mode: "strict" },
  lifetime: {
    exp: "required",
    defaultTtl: seconds(900),
    minTtl: seconds(1),
    maxTtl: seconds(3600),
    extendedMaxTtl: seconds(86_400),
    extendedBy: "bot",
    maxAge: seconds(7200),
    leeway: seconds(0),
    skew: seconds(60),
    sessionMax: seconds(28_800),
    idleMax: seconds(300),
  },
  requestSchema: { type: "object", required: ["player"] },
  acceptSchema: { type: "object" },
  contextSchema: { properties: { room: { type: "string" } } },
  claims: [
    { name: "player", source: "request.player" },
    { name: "", source: "request" },
  ],
  aliases: [{ claim: "player", names: ["uid", "user"] }],
  carriers: [
    { in: "header", name: "authorization", scheme: "Bearer", schemeOptional: true, maxBytes: 8192 },
    { in: "query", name: "t", scheme: "", schemeOptional: false, maxBytes: 2048 },
    { in: "frame", name: "", scheme: "Bearer ", schemeOptional: false, maxBytes: 8192 },
  ],
  rules: [
    {
      expression: 'claims.room == context.room &&\n  claims.room != ""',
      reason: "NOT_PERMITTED",
      message: "another room",
    },
  ],
  warnings: [{ expression: "request.admin", reason: "ADMIN", message: "it may do everything" }],
  ipMode: "warn",
  surfaces: [
    { reason: "NOT_PERMITTED", httpStatus: 403, websocketCloseCode: 4403, websocketCloseReason: "another room" },
    { reason: "", httpStatus: 401, wwwAuthenticate: "Bearer", websocketCloseCode: 4401, frame: '{"error":"$message"}' },
  ],
  quarantine: { deadline: seconds(10), maxFailures: 5 },
  sessions: { limitClaim: "seats", countedBy: "account" },
  metering: { clientIp: { perSecond: 20, burst: 50 }, subject: { perSecond: 0.5, burst: 2 } },
});

test("a profile is a page that says what it accepts, demands and enforces", async (t) => {
  const service = await fakeService({ getProfile: { profile: LOBBY } });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(["profile", "show", "lobby"], { env: service.env });
  t.is(stderr, "");
  t.is(code, 0);
  t.deepEqual(service.requests, [{ profile: "lobby" }]);
  t.is(
    stdout,
    `lobby: Players of a game

  issuer          lobby.example
  tenant          required, in the claim studio
  audience        required to verify
  subject         the claim player
  header          typ JWT, kid required
  accepted typ    jwt, absent
  keys            HS256, imported secrets, read as base64
  exp             required
  ttl             1s to 1h, default 15m, up to 1d where bot is true
  maximum age     2h after iat
  a connection    closed after 8h, closed after 5m without a message
  clocks          leeway 0s after exp, skew 1m before iat and nbf
  sessions        as many as the claim seats says, for each account
  used            once: each verification uses the token up
  client address  warn
  metering        20 a second for each client address, 50 at once
  metering        0.5 a second for each subject, 2 at once
  audit           shows room, ws.seats; the subject in clear; strict: a token waits for NATS
  digest          abcdefghijkl

signed, in this order
  player      request.player
  (the rest)  request

claims of a request to issue
  type: object
  required:
    - player

claims of a presented token
  type: object

other names of claims
  player  uid, user

context of a request to verify
  properties:
    room:
      type: string

where the token may be
  header  authorization  Bearer TOKEN or TOKEN alone  at most 8192 bytes
  query   t              TOKEN                        at most 2048 bytes
  frame                  Bearer TOKEN                 at most 8192 bytes

enforced, in this order
  NOT_PERMITTED: another room
    claims.room == context.room &&
      claims.room != ""

warnings when issuing
  ADMIN: it may do everything
    request.admin

response to a rejection
  NOT_PERMITTED  HTTP 403, close 4403 "another room"
  (every other)  HTTP 401 Bearer, close 4401, frame {"error":"$message"}

a connection without a valid token
  is closed after 10s or 5 rejected tokens
`,
  );
});

test("what a profile does not have is not on its page", async (t) => {
  const bare = ProfileMessage.fromPartial({
    name: "bare",
    subjectClaim: "sub",
    ipMode: "off",
    header: {},
    keys: { algorithm: "EdDSA", keyset: "bare" },
    lifetime: { exp: "absent", maxAge: seconds(60), leeway: seconds(0), skew: seconds(0) },
    claims: [{ name: "iat", source: "issued_at" }],
  });
  const service = await fakeService({ getProfile: { profile: bare } });
  t.teardown(service.stop);
  const { stdout } = await signet(["profile", "show", "bare"], { env: service.env });
  t.is(
    stdout,
    `bare

  issuer          none
  tenant          not allowed
  audience        not allowed
  subject         the claim sub
  header          typ absent, kid absent: all keys are tried
  keys            EdDSA, rotating keyset bare
  exp             absent
  maximum age     1m after iat
  clocks          leeway 0s after exp, skew 0s before iat and nbf
  client address  off
  digest          

signed, in this order
  iat  issued_at
`.replace("digest          \n", "digest\n"),
  );
});

test("--json prints everything, with durations as in proto-JSON", async (t) => {
  const service = await fakeService({ getProfile: { profile: LOBBY } });
  t.teardown(service.stop);
  const { code, stdout } = await signet(["profile", "show", "lobby", "--json"], { env: service.env });
  t.is(code, 0);
  const { profile } = JSON.parse(stdout);
  t.is(profile.lifetime.extendedMaxTtl, "86400s");
  t.deepEqual(profile.requestSchema, { type: "object", required: ["player"] });
  t.deepEqual(profile.quarantine, { deadline: "10s", maxFailures: 5 });
});

test("an unknown profile ends with 2 and the service's reason; an invalid name is not sent", async (t) => {
  const refusal = new Refusal(status.NOT_FOUND, "there is no such profile", [errorInfo("PROFILE_NOT_FOUND")]);
  const service = await fakeService({ getProfile: refusal });
  t.teardown(service.stop);
  const unknown = await signet(["profile", "show", "unknown"], { env: service.env });
  t.is(unknown.code, 2);
  t.is(unknown.stderr, "error: NOT_FOUND: there is no such profile\n  reason: PROFILE_NOT_FOUND\n");
  const token = await signet(["profile", "show", "eyJhbGciOi.eyJzdWIi.c2ln"], { env: service.env });
  t.is(token.code, 2);
  t.is(token.stderr, "error: PROFILE must be 1 to 64 characters of a-z, 0-9 and -\n");
  t.is(service.requests.length, 1);
});
