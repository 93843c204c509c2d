import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { type Documents, type HttpSources, type Probes, startHttpServer } from "../../src/http/server.ts";
import { Problem } from "../../src/problem/problem.ts";

const LISTENER = { address: "127.0.0.1:0", maxConnections: 100 };
const JWKS = '{"keys":[]}';
const METADATA = '{"issuer":"https://signet.example"}';

const SOURCES: Documents & Probes = {
  jwks: () => ({ json: JWKS, maxAgeSeconds: 900 }),
  issuer: "https://signet.example",
  metadata: () => ({ json: METADATA, maxAgeSeconds: 900 }),
  metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "a 1\n" }),
  waitsFor: () => [],
};

/** A server of documents and probes with little behind it. */
async function start(t: ExecutionContext, overrides: Partial<typeof SOURCES> = {}) {
  const both = { ...SOURCES, ...overrides };
  const server = await startHttpServer(LISTENER, { documents: both, probes: both }, () => {});
  t.teardown(() => server.stop());
  return server;
}

/** Answers a fetch of such a server; override one source per test. */
async function serve(t: ExecutionContext, overrides: Partial<typeof SOURCES> = {}) {
  const server = await start(t, overrides);
  return (path: string, init?: RequestInit) => fetch(`http://${server.address}${path}`, init);
}

const JWKS_PATH = "/.well-known/jwks.json";
const METADATA_PATHS = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

for (const [what, path, type, body] of [
  ["JWKS", JWKS_PATH, "application/jwk-set+json", JWKS],
  ...METADATA_PATHS.map((path) => [`metadata at ${path}`, path, "application/json", METADATA] as const),
] as const)
  test(`the ${what} may be kept as long as rotation allows, by any origin, and has an ETag`, async (t) => {
    const get = await serve(t);
    const response = await get(path);
    t.is(response.status, 200);
    t.is(await response.text(), body);
    t.is(response.headers.get("content-type"), type);
    t.is(response.headers.get("cache-control"), "public, max-age=900");
    t.is(response.headers.get("access-control-allow-origin"), "*");
    const etag = response.headers.get("etag") ?? "";
    t.regex(etag, /^"[A-Za-z0-9_-]{22}"$/);
    t.is((await get(path, { headers: { "if-none-match": etag } })).status, 304);
  });

for (const path of [
  "/.well-known/oauth-authorization-server/tokens/eu",
  "/.well-known/openid-configuration/tokens/eu",
  "/tokens/eu/.well-known/oauth-authorization-server",
  "/tokens/eu/.well-known/openid-configuration",
  "/tokens/eu/keysets/service/jwks.json",
  ...METADATA_PATHS,
  JWKS_PATH,
])
  for (const issuer of ["https://signet.example/tokens/eu", "https://signet.example/tokens/eu/"])
    test(`${path} is found where the issuer is ${issuer}`, async (t) => {
      t.is((await (await serve(t, { issuer }))(path)).status, 200);
    });

for (const path of [
  "/.well-known/oauth-authorization-server/tokens",
  "/.well-known/openid-configuration/tokens/eu/",
  "/tokens/.well-known/openid-configuration",
  "/tokens/euro/keysets/service/jwks.json",
  "/tokens/eu/tokens/eu/.well-known/openid-configuration",
  "/tokens/eu/metrics",
])
  test(`${path} is 404 where the issuer has the path /tokens/eu`, async (t) => {
    t.is((await (await serve(t, { issuer: "https://signet.example/tokens/eu" }))(path)).status, 404);
  });

test("metadata is 404 where there are no keys to find", async (t) => {
  const get = await serve(t, { metadata: () => undefined });
  for (const path of METADATA_PATHS) t.is((await get(path)).status, 404);
});

for (const [what, wrap] of [
  ["its ETag", (etag: string) => etag],
  ["its ETag as a proxy weakened it", (etag: string) => `W/${etag}`],
  ["a list with its ETag", (etag: string) => `"other", ${etag}`],
  ["any", () => "*"],
] as const) {
  test(`an unchanged JWKS is 304 without a body for a client that has ${what}`, async (t) => {
    const get = await serve(t);
    const etag = (await get(JWKS_PATH)).headers.get("etag") ?? "";
    const again = await get(JWKS_PATH, { headers: { "if-none-match": wrap(etag) } });
    t.is(again.status, 304);
    t.is(await again.text(), "");
    t.is(again.headers.get("etag"), etag);
    t.is(again.headers.get("cache-control"), "public, max-age=900");
  });
}

test("a changed JWKS has another ETag, and a client with the old one gets it whole", async (t) => {
  let json = JWKS;
  const get = await serve(t, { jwks: () => ({ json, maxAgeSeconds: 900 }) });
  const etag = (await get(JWKS_PATH)).headers.get("etag") ?? "";
  json = '{"keys":[{}]}';
  const changed = await get(JWKS_PATH, { headers: { "if-none-match": etag } });
  t.is(changed.status, 200);
  t.is(await changed.text(), json);
  t.not(changed.headers.get("etag"), etag);
});

for (const path of [JWKS_PATH, ...METADATA_PATHS, "/metrics", "/livez", "/readyz"]) {
  test(`HEAD ${path} has the headers of GET and no body`, async (t) => {
    const get = await serve(t);
    const whole = await get(path);
    const head = await get(path, { method: "HEAD" });
    t.is(head.status, 200);
    t.is(await head.text(), "");
    for (const name of ["content-type", "content-length", "etag", "cache-control"])
      t.is(head.headers.get(name), whole.headers.get(name), name);
    t.is(head.headers.get("content-length"), String((await whole.text()).length));
  });

  test(`a query after ${path} changes nothing`, async (t) => {
    t.is((await (await serve(t))(`${path}?a=b`)).status, 200);
  });
}

for (const [target, status] of [
  ["http://signet.example/livez", 200],
  ["HTTPS://signet.example:443/livez?a=http://b/c", 200],
  ["http://signet.example/keysets/a/jwks.json", 200],
  ["http://signet.example/keysets/b/jwks.json", 404],
  ["http://signet.example", 404],
  ["http://signet.example?/livez", 404],
  ["/http://signet.example/livez", 404],
  ["//signet.example/livez", 404],
  ["ftp://signet.example/livez", 404],
] as const) {
  test(`the target ${target}, as a proxy may send it, is ${status}`, async (t) => {
    const jwks = (keyset?: string) => (keyset === "a" ? { json: JWKS, maxAgeSeconds: 900 } : undefined);
    const server = await start(t, { jwks });
    const socket = connect(Number(server.address.split(":")[1]), "127.0.0.1");
    socket.end(`GET ${target} HTTP/1.1\r\nHost: signet.example\r\nConnection: close\r\n\r\n`);
    t.is((await text(socket)).split(" ")[1], String(status));
  });
}

for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
  test(`${method} is 405 and names what is allowed`, async (t) => {
    const response = await (await serve(t))(JWKS_PATH, { method });
    t.is(response.status, 405);
    t.is(response.headers.get("allow"), "GET, HEAD");
  });
}

for (const path of ["/", "/.well-known/", "/livez/", "/metrics/x", "/..%2flivez"]) {
  test(`${path} is 404`, async (t) => {
    t.is((await (await serve(t))(path)).status, 404);
  });
}

for (const [what, sources, shown, hidden] of [
  ["documents", { documents: SOURCES }, [JWKS_PATH, ...METADATA_PATHS], ["/metrics", "/livez", "/readyz"]],
  ["probes", { probes: SOURCES }, ["/metrics", "/livez", "/readyz"], [JWKS_PATH, ...METADATA_PATHS]],
] as const satisfies readonly (readonly [string, HttpSources, string[], string[]])[])
  test(`a listener of ${what} shows nothing else`, async (t) => {
    const server = await startHttpServer(LISTENER, sources, () => {});
    t.teardown(() => server.stop());
    const statusOf = async (path: string) => (await fetch(`http://${server.address}${path}`)).status;
    for (const path of shown) t.is(await statusOf(path), 200, path);
    for (const path of hidden) t.is(await statusOf(path), 404, path);
  });

test("a service that runs and is ready says so", async (t) => {
  const get = await serve(t);
  for (const path of ["/livez", "/readyz"]) {
    const response = await get(path);
    t.is(response.status, 200);
    t.is(await response.text(), "ok\n");
  }
});

test("a service that waits answers 503 with the reason, and runs", async (t) => {
  const get = await serve(t, { waitsFor: () => ["a key of keyset a that may sign", "a key of keyset b"] });
  const response = await get("/readyz");
  t.is(response.status, 503);
  t.is(await response.text(), "waits for a key of keyset a that may sign, a key of keyset b\n");
  t.is((await get("/livez")).status, 200);
});

test("a source that fails is 500 without its cause, and the server keeps running", async (t) => {
  const get = await serve(t, { metrics: () => Promise.reject(new Error("hunter2")) });
  const response = await get("/metrics");
  t.is(response.status, 500);
  t.is(await response.text(), "");
  t.is((await get("/livez")).status, 200);
});

test("keys that are not read yet are 503, never an empty set that a verifier would keep", async (t) => {
  const jwks = () => {
    throw new Problem("KEYS_UNAVAILABLE", "the keys are not read yet");
  };
  const response = await (await serve(t, { jwks }))("/.well-known/jwks.json");
  t.is(response.status, 503);
  t.is(response.headers.get("retry-after"), "1");
  t.is(response.headers.get("cache-control"), null);
  t.is(await response.text(), "the keys are not read yet\n");
});

test("a port that is taken is an error that names the address", async (t) => {
  const first = await startHttpServer(LISTENER, { documents: SOURCES, probes: SOURCES }, () => {});
  t.teardown(() => first.stop());
  const message = new RegExp(`^HTTP can't listen at ${first.address}: .*EADDRINUSE`);
  await t.throwsAsync(
    startHttpServer({ ...LISTENER, address: first.address }, { documents: SOURCES }, () => {}),
    { message },
  );
});

test("stop ends although a client keeps its connection open", async (t) => {
  const server = await startHttpServer(LISTENER, { documents: SOURCES, probes: SOURCES }, () => {});
  const [host = "", port] = server.address.split(":");
  const idle = connect(Number(port), host);
  await once(idle, "connect");
  const closed = once(idle, "close");
  await server.stop();
  await closed;
  t.true(idle.destroyed);
});
