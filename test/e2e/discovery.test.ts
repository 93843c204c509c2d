import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import type { JSONWebKeySet } from "jose";
import * as oauth from "oauth4webapi";
import { freePort } from "../support/service/free-port.ts";
import { get } from "../support/service/get.ts";
import { nextRotation, rotateKeys } from "../support/service/key-calls.ts";
import { type Discoverer, type Follower, goOidcPeer, nimbusPeer } from "../support/service/peers.ts";
import { issue, type Service, startService } from "../support/service/service.ts";
import { tlsFiles } from "../support/tls/tls-files.ts";
import { waitUntil } from "../support/wait-until.ts";

// Before the first test: AVA takes none that is declared later.
const [goOidc, nimbus] = await Promise.all([goOidcPeer(), nimbusPeer()]);

const AUDIENCE = "api://orders";
const HOUR = { seconds: 3600n, nanos: 0 };
const MINUTE = 60_000;

const realNow = Date.now;

/** A service whose issuer is where its HTTP endpoint is, and whose clock the test can move ahead. */
async function startIssuer(t: ExecutionContext) {
  const clock = { ahead: 0 };
  const http = `127.0.0.1:${await freePort()}`;
  const issuer = `http://${http}`;
  const env = { SIGNET_HTTP_ADDRESS: http, SIGNET_ISSUER: issuer };
  const now = () => realNow() + clock.ahead;
  return { clock, issuer, service: await startService(t, { env, surroundings: { now } }) };
}

/** A service whose issuer has a path, over https. */
async function startSecureIssuer(t: ExecutionContext) {
  const { cert, key, clientCa: caFile } = await tlsFiles(t);
  const port = await freePort();
  const issuer = `https://localhost:${port}/tokens/eu`;
  const env = {
    SIGNET_ISSUER: issuer,
    SIGNET_HTTP_ADDRESS: `127.0.0.1:${port}`,
    SIGNET_HTTP_TLS_CERT: cert,
    SIGNET_HTTP_TLS_KEY: key,
  };
  return { issuer, caFile, service: await startService(t, { env }) };
}

async function publishedKids({ url }: Service): Promise<string[]> {
  const { keys } = (await (await get(`${url}/keysets/service/jwks.json`)).json()) as JSONWebKeySet;
  return keys.map(({ kid = "" }) => kid);
}

const tokenFor = (service: Service, audience = AUDIENCE) => issue(service, { audience: [audience], ttl: HOUR });

/** The token with another subject, under the old signature. */
function forged(token: string): string {
  const [header, payload = "", signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  return `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: "mallory" })).toString("base64url")}.${signature}`;
}

/** Lets the next key sign as early as is safe. Resolves with a token that it signed. */
async function tokenOfNextKey({ service, clock }: Awaited<ReturnType<typeof startIssuer>>) {
  const { nextKeyId, earliestAt } = await nextRotation(service);
  clock.ahead = Math.max(clock.ahead, earliestAt - realNow());
  await rotateKeys(service);
  let issued = await tokenFor(service);
  await waitUntil("the next key signs", async () => {
    clock.ahead += MINUTE;
    issued = await tokenFor(service);
    return issued.keyId === nextKeyId;
  });
  return issued;
}

const LIBRARIES = [
  ["oauth4webapi, by the place of OpenID Connect,", oauth4webapi("oidc")],
  ["oauth4webapi, by the place of OAuth,", oauth4webapi("oauth2")],
  ["go-oidc", goOidc],
  ["Nimbus", nimbus],
] as const;
const REFUSED = /^refused: /;

for (const [name, discoverer] of LIBRARIES) {
  testWith(
    discoverer,
    `${name} finds the keys from the issuer's name, and follows two rotations`,
    async (t, discover) => {
      const target = await startIssuer(t);
      const { issuer, service, clock } = target;
      const follow = discover(t, issuer, AUDIENCE);
      const ask: Follower = (token) => atTime(realNow() + clock.ahead, () => follow(token));
      const { token } = await tokenFor(service);
      const published = await publishedKids(service);
      t.is(await ask(token), "alice");
      t.regex(await ask(forged(token)), REFUSED);
      t.regex(await ask((await tokenFor(service, "api://billing")).token), REFUSED);
      const next = await tokenOfNextKey(target);
      t.true(published.includes(next.keyId), "the next key was published ahead");
      t.is(await ask(next.token), "alice");
      const third = await tokenOfNextKey(target);
      t.false(published.includes(third.keyId), "this key was made since the keys were fetched");
      t.is(await ask(third.token), "alice");
      t.is(await ask(token), "alice", "an old token is valid until it expires");
    },
  );

  testWith(discoverer, `${name} finds the keys of an issuer with a path, over https`, async (t, discover) => {
    const { issuer, caFile, service } = await startSecureIssuer(t);
    const { token } = await tokenFor(service);
    t.is(await discover(t, issuer, AUDIENCE, caFile)(token), "alice");
    const { clientCa: another } = await tlsFiles(t);
    t.regex(await discover(t, issuer, AUDIENCE, another)(token), REFUSED);
  });
}

/** Which libraries find no keys, or take no token, without a member: the reason why the metadata has it. */
const DEMANDED = [
  ["issuer", ["oauth4webapi", "go-oidc", "Nimbus"]],
  ["jwks_uri", ["oauth4webapi", "go-oidc", "Nimbus"]],
  ["subject_types_supported", ["Nimbus"]],
  ["id_token_signing_alg_values_supported", ["go-oidc"]],
] as const;

for (const [member, demanding] of DEMANDED)
  for (const [name, discoverer] of LIBRARIES) {
    const isDemanded = demanding.some((each) => name.startsWith(each));
    const title = `metadata without ${member} is ${isDemanded ? "not enough" : "enough"} for ${name.replace(/,$/, "")}`;
    testWith(discoverer, title, async (t, discover) => {
      const { issuer, token } = await issuerWithout(t, member);
      const verdict = await discover(t, issuer, AUDIENCE)(token);
      if (isDemanded) t.regex(verdict, REFUSED);
      else t.is(verdict, "alice");
    });
  }

test.serial("the metadata has no other members, so it promises no endpoint that is not there", async (t) => {
  const { issuer } = await startIssuer(t);
  const metadata = await (await get(`${issuer}/.well-known/openid-configuration`)).json();
  t.deepEqual(metadata, {
    issuer,
    jwks_uri: `${issuer}/keysets/service/jwks.json`,
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["EdDSA"],
  });
});

test.serial("there is no metadata while no profile of the keyset service is served", async (t) => {
  const service = await startService(t, { env: { SIGNET_PROFILES_DISABLE: "service" } });
  for (const name of ["oauth-authorization-server", "openid-configuration"])
    t.is((await get(`${service.url}/.well-known/${name}`)).status, 404);
});

/** An issuer whose metadata lacks a member, and a token of it. */
async function issuerWithout(t: ExecutionContext, member: string) {
  const server = createServer(async ({ url }, response) => {
    const { headers, text } = await answerOf(`${service.url}${url}`);
    const document = JSON.parse(text);
    delete document[member];
    response.writeHead(200, { "content-type": headers.get("content-type") ?? "" }).end(JSON.stringify(document));
  }).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service = await startService(t, { env: { SIGNET_ISSUER: issuer } });
  return { issuer, token: (await tokenFor(service)).token };
}

async function answerOf(url: string) {
  const response = await get(url);
  return { headers: response.headers, text: await response.text() };
}

/** Its cache of keys goes by `Date.now`. */
function oauth4webapi(algorithm: "oidc" | "oauth2"): Discoverer {
  return (_, issuer, audience, caFile) => {
    const name = new URL(issuer);
    const transport =
      caFile === undefined
        ? { [oauth.allowInsecureRequests]: true }
        : { [oauth.customFetch]: (url: string) => fetchTrusting(url, caFile) };
    const options = { algorithm, ...transport };
    let server: oauth.AuthorizationServer | undefined;
    return async (token) => {
      const request = new Request("https://orders.test", { headers: { authorization: `Bearer ${token}` } });
      try {
        server ??= await oauth.processDiscoveryResponse(name, await oauth.discoveryRequest(name, options));
        return (await oauth.validateJwtAccessToken(server, request, audience, options)).sub;
      } catch (error) {
        return `refused: ${error}`;
      }
    };
  };
}

/** What `fetch` does for a process that was started with NODE_EXTRA_CA_CERTS. */
async function fetchTrusting(url: string, caFile: string): Promise<Response> {
  const [response] = await once(https.get(url, { ca: readFileSync(caFile) }), "response");
  return new Response(await text(response), { status: response.statusCode, headers: response.headers });
}

/** Moves `Date.now` while `work` runs: the tests of this file run one after the other. */
async function atTime<Result>(now: number, work: () => Promise<Result>): Promise<Result> {
  Date.now = () => now;
  try {
    return await work();
  } finally {
    Date.now = realNow;
  }
}

function testWith(
  discoverer: Discoverer | undefined,
  title: string,
  implementation: (t: ExecutionContext, discoverer: Discoverer) => Promise<void>,
): void {
  if (discoverer !== undefined) test.serial(title, (t) => implementation(t, discoverer));
  else test.skip(`${title} (skipped: it can't be had here)`, () => undefined);
}
