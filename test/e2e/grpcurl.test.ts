import { Client, credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { grpcurl, testWithGrpcurl } from "../support/service/grpcurl.ts";
import { startService } from "../support/service/service.ts";

const ISSUE = "signet.v1.TokenService/IssueToken";
const VERIFY = "signet.v1.TokenService/VerifyToken";

/** A service, and what grpcurl answers for a call of it. Fails the test when the call failed. */
async function target(t: ExecutionContext) {
  const address = (await startService(t)).app.addresses.grpc;
  const call = async (method: string, request: object = {}) => {
    const { code, stdout, stderr } = await grpcurl("-d", JSON.stringify(request), address, method);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  return { address, call };
}

testWithGrpcurl("reflection lists every service, and each has a health by its name", async (t) => {
  const { address, call } = await target(t);
  const { stdout } = await grpcurl(address, "list");
  t.deepEqual(stdout.trim().split("\n").toSorted(), [
    "grpc.health.v1.Health",
    "signet.v1.AuditService",
    "signet.v1.KeyService",
    "signet.v1.ProfileService",
    "signet.v1.SessionService",
    "signet.v1.TokenService",
  ]);
  for (const service of ["", ...stdout.trim().split("\n"), "grpc.reflection.v1.ServerReflection"])
    t.deepEqual(await call("grpc.health.v1.Health/Check", { service }), { status: "SERVING" }, service);
  await t.throwsAsync(call("grpc.health.v1.Health/Check", { service: "signet.v1.NoService" }), { message: /NotFound/ });
});

for (const [symbol, expected] of [
  ["signet.v1.TokenService", /rpc IssueToken \( \.signet\.v1\.IssueTokenRequest \) returns/],
  ["signet.v1.KeyService", /rpc GetJwks \(/],
  ["signet.v1.ProfileService", /rpc GetProfile \( \.signet\.v1\.GetProfileRequest \) returns/],
  ["signet.v1.AuditService", /rpc HashSubject \(/],
  ["signet.v1.SessionService", /rpc OpenSession \(/],
  ["signet.v1.IssueTokenRequest", /\.google\.protobuf\.Struct claims = 6;/],
  ["signet.v1.RejectionReason", /REJECTION_REASON_EXPIRED = 18;/],
  ["grpc.health.v1.Health", /rpc Check \(/],
  ["google.protobuf.Duration", /int64 seconds = 1;/],
] as const) {
  testWithGrpcurl(`reflection describes ${symbol}`, async (t) => {
    const { address } = await target(t);
    const { code, stdout, stderr } = await grpcurl(address, "describe", symbol);
    t.is(code, 0, stderr);
    t.regex(stdout, expected);
  });
}

test("reflection v1alpha, which older tools ask, lists every service too", async (t) => {
  const client = new Client((await target(t)).address, credentials.createInsecure());
  t.teardown(() => client.close());
  const asItIs = (bytes: Buffer) => bytes;
  const method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  const stream = client.makeBidiStreamRequest(method, asItIs, asItIs);
  // list_services = 7: an empty string.
  stream.end(Buffer.from([0x3a, 0]));
  const answers: Buffer[] = await stream.toArray();
  const listed = Buffer.concat(answers).toString("latin1");
  for (const name of ["signet.v1.TokenService", "signet.v1.KeyService"]) t.true(listed.includes(name), name);
});

testWithGrpcurl(
  "a token is issued and verifies; for another audience it does not, and the answer holds none of its claims",
  async (t) => {
    const { call } = await target(t);
    const claims = { scope: "a b", deep: { n: 1.5, list: [true, null] } };
    const issued = await call(ISSUE, { profile: "service", subject: "alice", audience: ["api"], ttl: "60s", claims });
    t.is(Date.parse(issued.expiresAt) - Date.parse(issued.issuedAt), 60_000);
    t.like(issued.claims, { sub: "alice", aud: "api", client_id: "loopback", ...claims });
    const question = { profile: "service", token: issued.token };
    const good = await call(VERIFY, { ...question, audience: "api" });
    t.like(good, { valid: true, subject: "alice", tokenId: issued.tokenId, keyId: issued.keyId });
    t.deepEqual(good.claims, issued.claims);
    const bad = await call(VERIFY, { ...question, audience: "other" });
    t.is(bad.rejection.reason, "REJECTION_REASON_AUDIENCE_MISMATCH");
    t.deepEqual([bad.valid, bad.claims, bad.subject], [undefined, undefined, undefined]);
  },
);

testWithGrpcurl("a bad request shows every bad field at once", async (t) => {
  const { address } = await target(t);
  const request = { profile: "service", audience: [""], ttl: "0s", claims: { iss: "x", exp: 1 } };
  const { code, stderr } = await grpcurl("-d", JSON.stringify(request), address, ISSUE);
  t.is(code, 64 + 3);
  t.regex(stderr, /Code: InvalidArgument/);
  t.regex(stderr, /"reason": "INVALID_REQUEST"/);
  const fields = [...stderr.matchAll(/"field": "([^"]+)"/g)].map(([, field]) => field);
  t.deepEqual(fields.toSorted(), ["audience[0]", "claims.exp", "claims.iss", "subject", "ttl"]);
});

testWithGrpcurl("a profile that is not there is NotFound with its reason", async (t) => {
  const { address } = await target(t);
  const { code, stderr } = await grpcurl("-d", '{"profile":"none"}', address, ISSUE);
  t.is(code, 64 + 5);
  t.regex(stderr, /"reason": "PROFILE_NOT_FOUND"/);
});

testWithGrpcurl("the keys are listed with their times and states, and one of each keyset is active", async (t) => {
  const { call } = await target(t);
  const { keys } = await call("signet.v1.KeyService/ListKeys");
  const ofService = keys.filter(({ keyset }: { keyset: string }) => keyset === "service");
  const active = ofService.filter(({ state }: { state: string }) => state === "KEY_STATE_ACTIVE");
  t.is(active.length, 1);
  t.like(active[0], { keyset: "service", algorithm: "EdDSA" });
  t.regex(active[0].keyId, /^[A-Za-z0-9_-]{16}$/);
  const { publishAt, signFrom, signUntil, verifyUntil } = active[0];
  t.true(publishAt <= signFrom && signFrom < signUntil && signUntil < verifyUntil);
});

testWithGrpcurl("GetJwks in proto-JSON is a JWK Set that verifies a token", async (t) => {
  const { call } = await target(t);
  const { token, keyId } = await call(ISSUE, { profile: "service", subject: "alice", audience: ["api"] });
  const jwks: JSONWebKeySet = await call("signet.v1.KeyService/GetJwks");
  for (const key of jwks.keys)
    t.deepEqual(Object.keys(key).toSorted(), ["alg", "crv", "kid", "kty", "use", "x"], "no private member");
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), { algorithms: ["EdDSA"] });
  t.is(payload.sub, "alice");
  t.is(protectedHeader.kid, keyId);
});

for (const service of ["", ISSUE]) {
  testWithGrpcurl(`the health of ${JSON.stringify(service)} is SERVING`, async (t) => {
    t.deepEqual(await (await target(t)).call("grpc.health.v1.Health/Check", { service }), { status: "SERVING" });
  });
}

testWithGrpcurl("the health of an unknown service is NotFound", async (t) => {
  const { address } = await target(t);
  t.is((await grpcurl("-d", '{"service":"none"}', address, "grpc.health.v1.Health/Check")).code, 64 + 5);
});
