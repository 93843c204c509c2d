import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import test from "ava";
import { freeze } from "../support/freeze.ts";
import { startVendors, type Vendors } from "../support/gateway-client.ts";
import { shared } from "../support/service/shared.ts";
import { waitUntil } from "../support/wait-until.ts";

const PAGE = "http://127.0.0.1:9";
const STREAM = "6935357a-8d71-45f2-9a0f-ddaed705b43a";
const RIDER = "/hivekit/v1/realms/london/objects/deliveryRiders/johndoe-123";
const FLOWS = "/viasocket/orgs/8069/projects/projmdFTEvPR/users/unique_user_id/flows";

const vendors = shared(test, (t) => startVendors(t, { env: { GATEWAY_ORIGINS: PAGE } }));

/** The status, the challenge, and what the body says of an answer. */
async function ask({ gateway }: Pick<Vendors, "gateway">, path: string, init: RequestInit = {}) {
  const response = await fetch(`${gateway.url}${path}`, init);
  const { error, ...body } = (await response.json()) as Record<string, unknown>;
  return { status: response.status, challenge: response.headers.get("www-authenticate"), error, ...body };
}

function json(body: Readonly<Record<string, unknown>>): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

test("Reactive: a Bearer token counts views of its stream, and of no other", async (t) => {
  const all = await vendors();
  const { token } = await all.token("reactive");
  const count = (authorization: string, stream = STREAM) =>
    ask(all, `/reactive/api/v1/view-counts/${stream}`, { method: "POST", headers: { authorization } });
  t.like(await count(`Bearer ${token}`), { status: 200, views: 1 });
  t.like(await count(`bearer ${token}`), { status: 200, views: 2 });
  const invalid = 'Bearer error="invalid_token"';
  t.like(await count(`Bearer ${token}`, "other"), { status: 401, error: "AUDIENCE_MISMATCH", challenge: invalid });
  t.like(await count(`Token ${token}`), { status: 401, error: "CARRIER_MISSING", challenge: "Bearer" });
  t.like(await ask(all, `/reactive/api/v1/view-counts/${STREAM}`, { method: "POST" }), {
    status: 401,
    error: "CARRIER_MISSING",
    challenge: "Bearer",
  });
});

test("Reactive: views that arrive together share calls to Signet, and a revoked token fails alone", async (t) => {
  const all = await vendors();
  const [good, revoked] = [await all.token("reactive"), await all.token("reactive")];
  await all.revoke("reactive", revoked.tokenId);
  const count = ({ token }: { token: string }) =>
    ask(all, `/reactive/api/v1/view-counts/${STREAM}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
  await waitUntil("the token is revoked", async () => (await count(revoked)).error === "REVOKED");
  const answers = await Promise.all(Array.from({ length: 200 }, (_, at) => count(at % 2 === 0 ? good : revoked)));
  t.deepEqual(
    answers.map(({ error }) => error),
    answers.map((_, at) => (at % 2 === 0 ? undefined : "REVOKED")),
  );
  const { batches } = (await count(good)) as unknown as { batches: Record<"verifications" | "calls", number> };
  t.true(batches.calls < batches.verifications, "some calls held several verifications");
});

test("Hivekit over HTTP: cookie, Bearer, query and body carry the token; each method needs its right", async (t) => {
  const all = await vendors();
  const { token } = await all.token("hivekit");
  t.like(await ask(all, RIDER, { headers: { authorization: `Bearer ${token}` } }), { status: 200, operation: "R" });
  t.like(await ask(all, RIDER, { headers: { cookie: `hivekit_token=${token}; other=1` } }), { status: 200 });
  t.like(await ask(all, `${RIDER}?token=${token}`), { status: 200, subject: "johndoe-123" });
  t.like(await ask(all, RIDER, json({ token })), { status: 200, operation: "C" });
  t.like(await ask(all, RIDER, { method: "DELETE", headers: { authorization: `Bearer ${token}` } }), {
    status: 401,
    error: "NOT_PERMITTED",
  });
  t.like(await ask(all, RIDER), { status: 401, error: "CARRIER_MISSING", challenge: "Bearer" });
});

test("Hivekit over HTTP: the cookie does not count for a page that may not use the gateway", async (t) => {
  const all = await vendors();
  const { token } = await all.token("hivekit");
  const from = (origin: string) => ask(all, RIDER, { headers: { cookie: `hivekit_token=${token}`, origin } });
  t.like(await from(PAGE), { status: 200 });
  t.like(await from("http://evil.example"), { status: 401, error: "CARRIER_MISSING" });
});

test("Shoplive: the player admits a VIP by ?tk= and userJWT, and refuses the others and unsigned users", async (t) => {
  const all = await vendors();
  const player = async (tk: string) => {
    const response = await fetch(`${all.gateway.url}/shoplive/player/vip-show?${new URLSearchParams({ tk })}`);
    return { status: response.status, policy: response.headers.get("referrer-policy"), page: await response.text() };
  };
  const vip = await all.token("shoplive", { userType: "VIP" });
  const admitted = await player(vip.token);
  t.like(admitted, { status: 200, policy: "no-referrer" });
  t.regex(admitted.page, /You are watching as <strong>my_nickname<\/strong>/);
  t.like(await ask(all, "/shoplive/enter/vip-show", json({ userJWT: vip.token })), {
    status: 200,
    name: "my_nickname",
  });
  const basic = await all.token("shoplive", { userType: "BASIC" });
  t.regex((await player(basic.token)).page, /NOT_PERMITTED/);
  t.like(await ask(all, "/shoplive/enter/open-show", json({ userJWT: basic.token })), { status: 200 });
  t.regex((await player('{"userId":"x","userType":"VIP"}')).page, /MALFORMED/);
  t.like(await ask(all, "/shoplive/enter/vip-show", json({})), { status: 401, error: "CARRIER_MISSING" });
});

test("viaSocket: embedToken, and authorization with and without a scheme, for its own project alone", async (t) => {
  const all = await vendors();
  const { token, tokenId } = await all.token("viasocket");
  t.like(await ask(all, FLOWS, json({ embedToken: token })), { status: 200, warnings: ["NO_EXPIRY"] });
  t.like(await ask(all, FLOWS, { headers: { authorization: token } }), { status: 200 });
  t.like(await ask(all, FLOWS, { headers: { authorization: `Bearer ${token}` } }), { status: 200 });
  t.like(await ask(all, FLOWS.replace("projmdFTEvPR", "other"), { headers: { authorization: token } }), {
    status: 401,
    error: "NOT_PERMITTED",
    message: "Could not load",
  });
  const array = { ...json({ embedToken: token }), body: "[]" };
  t.like(await ask(all, FLOWS, array), { status: 400, error: "the body is not a JSON object" });
  await all.revoke("viasocket", tokenId);
  await waitUntil(
    "the token is revoked",
    async () => (await ask(all, FLOWS, json({ embedToken: token }))).status === 401,
  );
  t.like(await ask(all, FLOWS, json({ embedToken: token })), { error: "REVOKED", message: "Could not load" });
});

test("no address of a request ends the gateway or the backend, and none is logged", async (t) => {
  const { gateway, backend } = await vendors();
  const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
  for (const { url, log } of [gateway, backend]) {
    const asked = (path: string, headers = {}) => statusOf(url, path, headers);
    t.is(await asked("//"), 404, "a parser of URLs takes it for an empty host");
    t.is(await asked("//host:port/?tk=secret"), 404);
    t.is(await asked("http://[/?tk=secret"), 404);
    t.is(await asked("*"), 404);
    t.is(await asked("/%zz?tk=secret"), 404);
    t.is(await asked(`${url}/livez`), url === gateway.url ? 200 : 404, "a whole address, as a proxy sends it");
    t.false(JSON.stringify(log).includes("secret"));
  }
  t.is(await statusOf(gateway.url, "/hivekit/v1/realms/%E0%A4%A/objects/x"), 400);
  for (const path of ["//", "//host:port/?jwtKey=secret", "http://[", "/euler%zz"])
    t.is(await statusOf(gateway.url, path, upgrade), 404, path);
  t.is(await statusOf(gateway.url, "/livez"), 200);
  t.false(JSON.stringify(gateway.log).includes("secret"));
});

/** The status of a GET whose address is sent as it is. */
async function statusOf(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  const { host, hostname, port } = new URL(url);
  const sent = request({ hostname, port, path, headers: { host, ...headers }, agent: false }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  // How the connection ends after that is no part of the answer.
  for (const stream of [sent, response]) stream.on("error", () => undefined);
  response.resume();
  return response.statusCode ?? 0;
}

test("while Signet does not answer the gateway answers 503, and then it serves again", async (t) => {
  const all = await startVendors(t);
  const { token } = await all.token("viasocket");
  const status = async () => (await ask(all, FLOWS, { headers: { authorization: token } })).status;
  t.is(await status(), 200);
  freeze(all.service.process.child);
  t.teardown(() => all.service.process.child.kill("SIGCONT"));
  t.is(await status(), 503);
  all.service.process.child.kill("SIGCONT");
  await waitUntil("the gateway serves again", async () => (await status()) === 200);
});

test("no log of the gateway and the backend holds a token, though clients put tokens into addresses", async (t) => {
  const all = await startVendors(t);
  const tokens = [];
  for (const vendor of ["hivekit", "shoplive", "viasocket"]) tokens.push((await all.token(vendor)).token);
  const [hivekit, shoplive, viasocket] = tokens;
  await ask(all, `${RIDER}?token=${hivekit}`);
  await ask(all, `${RIDER}?token=${hivekit}x`);
  await fetch(`${all.gateway.url}/shoplive/player/vip-show?tk=${shoplive}`);
  await ask(all, `${FLOWS}?embedToken=${viasocket}`);
  await ask(all, `/not-there?token=${viasocket}`);
  t.true(all.gateway.log.some(({ event, reason }) => event === "rejected" && reason === "BAD_SIGNATURE"));
  const logged = JSON.stringify([all.gateway.log, all.backend.log]);
  for (const token of tokens) t.false(logged.includes(token.slice(-40)));
});

test("another page can't use the backend, by its origin or by a name of its own", async (t) => {
  const { backend } = await vendors();
  const { port } = new URL(backend.url);
  const from = async (headers: Record<string, string>) => {
    const init = json({});
    return (await fetch(`${backend.url}/api/viasocket/token`, { ...init, headers: { ...init.headers, ...headers } }))
      .status;
  };
  t.is(await from({ origin: `http://127.0.0.1:${port}` }), 200);
  t.is(await from({ origin: "http://evil.example" }), 403);
  t.is(await from({ "content-type": "text/plain" }), 415);
});
