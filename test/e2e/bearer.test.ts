import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Metadata } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DATA, END_STREAM, frame } from "../../bench/client/http2-frames.ts";
import { IssueTokenRequest, type IssueTokenResponse } from "../../src/gen/signet/v1/token.ts";
import { openPolicy } from "../support/access/policies.ts";
import { bounded } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { greet, head, header, message } from "../support/http2/frames.ts";
import { rawConnection } from "../support/http2/raw-connection.ts";
import { get } from "../support/service/get.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf, readError } from "../support/service/rich-error.ts";
import { issue, type Service, startService } from "../support/service/service.ts";
import { startWorkloadApi } from "../support/spiffe/workload-api.ts";
import { startIssuerServer } from "../support/tls/issuer-server.ts";
import { claimsOf } from "../support/tokens/foreign-token.ts";
import { TEST_ISSUER, testIssuer } from "../support/tokens/issuer.ts";
import { waitUntil } from "../support/wait-until.ts";

const DEPLOY = "jwt:cluster:system:serviceaccount:ci:deploy";
const KUBERNETES = fileURLToPath(new URL("../../examples/callers/kubernetes.yaml", import.meta.url));
const PROFILES = fileURLToPath(new URL("../../examples/profiles", import.meta.url));

/** The metadata of a call that has this credential. */
function bearing(credential: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${credential}`);
  return metadata;
}

/** Issues a token with this credential, and returns the caller's name in it. Rejects with the ServiceError. */
async function callerOf(service: Service, credential: string): Promise<unknown> {
  const request = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });
  const { token } = await new Promise<IssueTokenResponse>((resolve, reject) =>
    service.tokens.issueToken(request, bearing(credential), bounded(), (error, response) =>
      error ? reject(error) : resolve(response),
    ),
  );
  return claimsOf(token).client_id;
}

/** As {@link callerOf}, once the keys of the credential's issuer are read: the start of the service does not wait. */
async function callerOnceKnown(service: Service, credential: string): Promise<unknown> {
  let name: unknown;
  await waitUntil("the issuer's keys are read", async () => {
    name = await callerOf(service, credential).catch((error) => {
      if (readError(error).reason !== "KEYS_UNAVAILABLE") throw error;
    });
    return name !== undefined;
  });
  return name;
}

/** The reason for which the credential proves no caller. */
async function refusalOf(service: Service, credential: string): Promise<unknown> {
  const { code, message, metadata } = await failureOf(callerOf(service, credential));
  return code === "UNAUTHENTICATED" ? metadata.reason : message;
}

/** A good token of a service account, as the API server of Kubernetes signs it. */
function serviceAccount(issuer: ReturnType<typeof testIssuer>, audience = "signet"): string {
  const now = Math.floor(Date.now() / 1000);
  return issuer.sign({
    ...{ aud: [audience], exp: now + 3607, iat: now, nbf: now, iss: "https://kubernetes.default.svc.cluster.local" },
    "kubernetes.io": { namespace: "ci", serviceaccount: { name: "deploy", uid: "6f1a" } },
    sub: "system:serviceaccount:ci:deploy",
  });
}

test("a workload calls with its service account token, through the example and a stand-in for the API server", async (t) => {
  const issuer = testIssuer("RS256", "cluster-1");
  let isDown = false;
  const api = await startIssuerServer(t, ({ url, headers }, response) => {
    const isAllowed = headers.authorization === "Bearer the.pods.token" && url === "/openid/v1/jwks";
    response.writeHead(isDown ? 503 : isAllowed ? 200 : 403).end(issuer.jwks({ use: "sig", alg: "RS256" }));
  });
  const tokenFile = join(await tempFolder(t), "token");
  await writeFile(tokenFile, "the.pods.token");
  const service = await startService(t, {
    file: KUBERNETES,
    env: {
      SIGNET_ACCESS_POLICY: await openPolicy(t, [DEPLOY]),
      SIGNET_CALLERS_ISSUERS_CLUSTER_JWKS: `${api.url}/openid/v1/jwks`,
      SIGNET_CALLERS_ISSUERS_CLUSTER_CA_FILE: api.caFile,
      SIGNET_CALLERS_ISSUERS_CLUSTER_TOKEN_FILE: tokenFile,
    },
  });
  const token = serviceAccount(issuer);
  t.is(await callerOnceKnown(service, token), DEPLOY);
  const { length } = api.asked;
  t.is(await refusalOf(service, serviceAccount(issuer, "https://kubernetes.default.svc")), "AUDIENCE_MISMATCH");
  isDown = true;
  t.is(await callerOf(service, serviceAccount(issuer)), DEPLOY);
  t.is(api.asked.length, length, "nobody is asked for keys that are known");
});

test("an issuer that can't be reached is an outage for its callers, and for nobody else", async (t) => {
  const issuer = testIssuer("RS256");
  const api = await startIssuerServer(t, (_, response) => void response.writeHead(500).end());
  const service = await startService(t, {
    file: KUBERNETES,
    env: {
      SIGNET_CALLERS_ISSUERS_CLUSTER_JWKS: api.url,
      SIGNET_CALLERS_ISSUERS_CLUSTER_CA_FILE: api.caFile,
      SIGNET_CALLERS_ISSUERS_CLUSTER_TOKEN_FILE: "",
    },
  });
  const { code, reason } = await failureOf(callerOf(service, serviceAccount(issuer)));
  t.deepEqual([code, reason], ["UNAVAILABLE", "KEYS_UNAVAILABLE"]);
  t.is(claimsOf((await issue(service)).token).client_id, "loopback");
});

test("the keys of an issuer in a file are those that it holds now", async (t) => {
  const issuer = testIssuer("EdDSA");
  const folder = await tempFolder(t);
  const file = join(folder, "jwks.json");
  await writeFile(file, issuer.jwks());
  const env = {
    SIGNET_ACCESS_POLICY: await openPolicy(t, ["jwt:my-ci:build"]),
    SIGNET_CALLERS_ISSUERS_MY_CI_ISSUER: TEST_ISSUER,
    SIGNET_CALLERS_ISSUERS_MY_CI_AUDIENCE: "signet",
    SIGNET_CALLERS_ISSUERS_MY_CI_ALGORITHMS: "EdDSA",
    SIGNET_CALLERS_ISSUERS_MY_CI_FILE: file,
  };
  const service = await startService(t, { env });
  const now = Math.floor(Date.now() / 1000);
  const sign = () => issuer.sign({ iss: TEST_ISSUER, sub: "build", aud: "signet", iat: now, exp: now + 600 });
  const before = sign();
  t.is(await callerOnceKnown(service, before), "jwt:my-ci:build");
  const watch = service.tokens.watchRevocations({ profile: "" }, bearing(before));
  await once(watch, "data");
  const ended = once(watch, "error");
  const next = testIssuer("EdDSA", "k2");
  await writeFile(`${file}.new`, next.jwks());
  await rename(`${file}.new`, file);
  const after = next.sign({ iss: TEST_ISSUER, sub: "build", aud: "signet", iat: now, exp: now + 600 });
  await waitUntil("the new key counts", () =>
    callerOf(service, after).then(
      (name) => name === "jwt:my-ci:build",
      () => false,
    ),
  );
  t.is(await refusalOf(service, before), "UNKNOWN_KEY");
  t.like(readError((await ended)[0]), { code: "UNAUTHENTICATED", metadata: { reason: "UNKNOWN_KEY" } });
});

test("a JWT-SVID names its workload by the bundle of its trust domain", async (t) => {
  const bundle = testIssuer("ES256");
  const file = join(await tempFolder(t), "bundle.json");
  const whole = { ...JSON.parse(bundle.jwks({ use: "jwt-svid" })), spiffe_sequence: 1, spiffe_refresh_hint: 300 };
  await writeFile(file, JSON.stringify(whole));
  const service = await startService(t, {
    env: {
      SIGNET_ACCESS_POLICY: await openPolicy(t, ["spiffe://example.org/build"]),
      SIGNET_CALLERS_JWT_SVID_TRUST_DOMAIN: "example.org",
      SIGNET_CALLERS_JWT_SVID_AUDIENCE: "spiffe://example.org/signet",
      SIGNET_CALLERS_JWT_SVID_BUNDLE: file,
    },
  });
  const exp = Math.floor(Date.now() / 1000) + 300;
  const svid = { sub: "spiffe://example.org/build", aud: ["spiffe://example.org/signet"], exp };
  t.is(await callerOnceKnown(service, bundle.sign(svid)), "spiffe://example.org/build");
  t.is(await refusalOf(service, bundle.sign({ ...svid, sub: "spiffe://example.com/build" })), "ISSUER_MISMATCH");
});

test("the bundle of JWT-SVIDs comes from the Workload API, and its keys as they change", async (t) => {
  const agent = await startWorkloadApi(t);
  const [bundle, foreign] = [testIssuer("ES256", "b1"), testIssuer("ES256", "f1")];
  // SPIRE leaves `use` out.
  const others = { "spiffe://other.org": foreign.jwks() };
  agent.sendBundles({ "spiffe://example.org": bundle.jwks(), ...others });
  const service = await startService(t, {
    env: {
      SIGNET_ACCESS_POLICY: await openPolicy(t, ["spiffe://example.org/build"]),
      SIGNET_CALLERS_JWT_SVID_TRUST_DOMAIN: "example.org",
      SIGNET_CALLERS_JWT_SVID_AUDIENCE: "signet",
      SPIFFE_ENDPOINT_SOCKET: agent.socket.replace("unix:", "unix://"),
    },
  });
  const exp = Math.floor(Date.now() / 1000) + 300;
  const svid = { sub: "spiffe://example.org/build", aud: "signet", exp };
  const isGood = (token: string) =>
    callerOf(service, token).then(
      (name) => name === svid.sub,
      () => false,
    );
  const before = bundle.sign(svid);
  await waitUntil("the bundle is there", () => isGood(before));
  t.is(await refusalOf(service, foreign.sign(svid)), "UNKNOWN_KEY");
  t.is(await refusalOf(service, foreign.sign({ ...svid, sub: "spiffe://other.org/build" })), "ISSUER_MISMATCH");
  const next = testIssuer("ES256", "b2");
  agent.sendBundles({ "spiffe://example.org": next.jwks({ use: "jwt-svid" }), ...others });
  await waitUntil("the new key counts", () => isGood(next.sign(svid)));
  t.is(await refusalOf(service, before), "UNKNOWN_KEY");
  await agent.stop();
  t.true(await isGood(next.sign(svid)));
});

/** A service that issues credentials to one robot. */
async function startWithRobot(t: ExecutionContext, now = Date.now): Promise<Service> {
  const deployer = "{ methods: [IssueToken], profiles: [robot], subjects: [deployer] }";
  const policy = await openPolicy(t, ["loopback", "signet:robot:deployer"], ["service"], deployer);
  const env = { SIGNET_PROFILES_FOLDER: PROFILES, SIGNET_ACCESS_POLICY: policy };
  return startService(t, { env, surroundings: { now } });
}

test("a token of a profile that is marked for it is a credential until it is revoked; those of others are none", async (t) => {
  const service = await startWithRobot(t);
  const { token, tokenId } = await issue(service, { profile: "robot", subject: "deployer", audience: [] });
  t.is(await callerOf(service, token), "signet:robot:deployer");
  t.is(await refusalOf(service, (await issue(service)).token), "ISSUER_MISMATCH");
  await revokeTokens(service, { profile: "robot", tokenIds: [tokenId] });
  t.is(await refusalOf(service, token), "REVOKED");
});

test("a watch ends when the token of its caller is revoked, and that of another robot goes on", async (t) => {
  const service = await startWithRobot(t);
  const robot = async () => {
    const { token, tokenId } = await issue(service, { profile: "robot", subject: "deployer", audience: [] });
    const watch = service.tokens.watchRevocations({ profile: "service" }, bearing(token));
    await once(watch, "data");
    return { watch, tokenId };
  };
  const [stolen, other] = [await robot(), await robot()];
  const ended = once(stolen.watch, "error");
  await revokeTokens(service, { profile: "robot", tokenIds: [stolen.tokenId] });
  const [error] = await ended;
  t.like(readError(error), { code: "UNAUTHENTICATED", metadata: { reason: "REVOKED" } });
  const next = once(other.watch, "data");
  await revokeTokens(service, { tokenIds: ["id-1"] });
  t.is((await next)[0].change.value.tokenId, "id-1");
  other.watch.on("error", () => {}).cancel();
});

test("a watch ends when the token of its caller expires, and that of another caller goes on", async (t) => {
  const clock = { now: Date.now() };
  const service = await startWithRobot(t, () => clock.now);
  const { token } = await issue(service, { profile: "robot", subject: "deployer", audience: [] });
  const robots = service.tokens.watchRevocations({ profile: "" }, bearing(token));
  const others = service.tokens.watchRevocations({ profile: "" });
  await Promise.all([once(robots, "data"), once(others, "data")]);
  clock.now += 3_600_000;
  const [error] = await once(robots, "error");
  t.like(readError(error), { code: "UNAUTHENTICATED", metadata: { reason: "EXPIRED" } });
  const next = once(others, "data");
  await revokeTokens(service, { tokenIds: ["id-1"] });
  t.is((await next)[0].change.value.tokenId, "id-1");
  others.on("error", () => {}).cancel();
});

test("a call with two authorization headers is refused, even if both have the same good token", async (t) => {
  const service = await startWithRobot(t);
  const { token } = await issue(service, { profile: "robot", subject: "deployer", audience: [] });
  const authorization = header("authorization", `Bearer ${token}`);
  const path = "/signet.v1.ProfileService/ListProfiles";
  const call = (stream: number, headers: readonly Buffer[]) =>
    Buffer.concat([head(stream, path, Buffer.concat(headers)), frame(DATA, END_STREAM, stream, message())]);
  const calls = [greet(), call(1, [authorization]), call(3, [authorization, authorization])];
  await rawConnection(t, service.app.addresses.grpc, Buffer.concat(calls));
  const count = async (code: string): Promise<string | undefined> => {
    const metrics = await (await get(`${service.url}/metrics`)).text();
    const labels = `rpc_system_name="grpc",rpc_method="${path.slice(1)}",rpc_response_status_code="${code}"`;
    return new RegExp(`rpc_server_call_duration_seconds_count\\{${labels}\\} (\\d+)`).exec(metrics)?.[1];
  };
  await waitUntil("the calls are answered", async () => (await count("UNAUTHENTICATED")) === "1");
  t.is(await count("OK"), "1");
});
