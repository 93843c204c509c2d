import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { type HttpSources, startHttpServer } from "../../src/http/server.ts";
import { Problem } from "../../src/problem/problem.ts";

const LISTENER = { address: "127.0.0.1:0", maxConnections: 100 };
const JWKS = '{"keys":[]}';

const SOURCES: HttpSources = {
  jwks: () => ({ json: JWKS, maxAgeSeconds: 900 }),
  metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "a 1\n" }),
  waitsFor: () => [],
};

/** A server with little behind it; override one source per test. Answers a fetch of it. */
async function serve(t: ExecutionContext, overrides: Partial<HttpSources> = {}) {
  const server = await startHttpServer(LISTENER, { ...SOURCES, ...overrides }, () => {});
  t.teardown(() => server.stop());
  return (path: string, init?: RequestInit) => fetch(`http://${server.address}${path}`, init);
}

const JWKS_PATH = "/.well-known/jwks.json";

test("the JWKS may be kept as long as rotation allows, by any origin, and has an ETag", async (t) => {
  const get = await serve(t);
  const response = await get(JWKS_PATH);
  t.is(response.status, 200);
  t.is(await response.text(), JWKS);
  t.is(response.headers.get("content-type"), "application/jwk-set+json");
  t.is(response.headers.get("cache-control"), "public, max-age=900");
  t.is(response.headers.get("access-control-allow-origin"), "*");
  t.regex(response.headers.get("etag") ?? "", /^"[A-Za-z0-9_-]{22}"$/);
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

for (const path of [JWKS_PATH, "/metrics", "/livez", "/readyz"]) {
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
    const server = await startHttpServer(LISTENER, { ...SOURCES, jwks }, () => {});
    t.teardown(() => server.stop());
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
  const first = await startHttpServer(LISTENER, SOURCES, () => {});
  t.teardown(() => first.stop());
  const message = new RegExp(`^HTTP can't listen at ${first.address}: .*EADDRINUSE`);
  await t.throwsAsync(
    startHttpServer({ ...LISTENER, address: first.address }, SOURCES, () => {}),
    { message },
  );
});

test("stop ends although a client keeps its connection open", async (t) => {
  const server = await startHttpServer(LISTENER, SOURCES, () => {});
  const [host = "", port] = server.address.split(":");
  const idle = connect(Number(port), host);
  await once(idle, "connect");
  const closed = once(idle, "close");
  await server.stop();
  await closed;
  t.true(idle.destroyed);
});
