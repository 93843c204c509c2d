import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import test from "ava";
import { IssuerError } from "../../src/issuers/issuer-error.ts";
import { fetchJwks as fetchUntil, type JwksSource } from "../../src/issuers/jwks-source.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { createAuthority } from "../support/tls/certificates.ts";
import { type Serve, startIssuerServer } from "../support/tls/issuer-server.ts";

function fetchJwks(of: JwksSource): Promise<Buffer> {
  return fetchUntil(of, new AbortController().signal);
}

const JWKS = '{"keys":[]}';
const serveJwks: Serve = (_, response) => void response.end(JWKS);

function source(changes: Partial<JwksSource>): JwksSource {
  const none = { caFile: undefined, tokenFile: undefined };
  return { issuer: "https://issuer.test", jwks: undefined, jwksHosts: [], ...none, ...changes };
}

/** Discovery of the issuer at this server. */
const discovering = (serve: (path: string, host: string) => unknown): Serve => {
  return (request, response) => {
    const answer = serve(request.url ?? "", request.headers.host ?? "");
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  };
};

const { timeout } = AbortSignal;
// A fetch has five seconds, which a busy machine may take. Two tests wait for their end, after all others.
test.before(() => {
  AbortSignal.timeout = () => timeout.call(AbortSignal, HANGS_MS);
});

test.serial("the JWKS is fetched over TLS with the CA, and with the token as it is in its file now", async (t) => {
  const { url, caFile, asked } = await startIssuerServer(t, serveJwks);
  const tokenFile = join(await tempFolder(t), "token");
  for (const token of ["first.token", "second~token=="]) {
    await writeFile(tokenFile, `${token}\n`);
    const found = await fetchJwks(source({ jwks: `${url}/openid/v1/jwks`, caFile, tokenFile }));
    t.is(found.toString(), JWKS);
  }
  t.deepEqual(asked, [
    { path: "/openid/v1/jwks", authorization: "Bearer first.token" },
    { path: "/openid/v1/jwks", authorization: "Bearer second~token==" },
  ]);
});

test.serial("a server whose certificate no CA vouches for is not asked", async (t) => {
  const { url, asked } = await startIssuerServer(t, serveJwks);
  const other = await startIssuerServer(t, serveJwks, await createAuthority("Other CA"));
  for (const caFile of [undefined, other.caFile])
    await t.throwsAsync(fetchJwks(source({ jwks: `${url}/jwks`, caFile })), {
      instanceOf: IssuerError,
      code: "UNREACHABLE",
      message: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/,
    });
  t.deepEqual(asked, []);
});

test.serial("a server under a name that its certificate lacks is not asked", async (t) => {
  const { url, caFile, asked } = await startIssuerServer(t, serveJwks);
  const jwks = url.replace("localhost", "127.0.0.2");
  await t.throwsAsync(fetchJwks(source({ jwks, caFile })), {
    code: "UNREACHABLE",
    message: /ERR_TLS_CERT_ALTNAME_INVALID|ECONNREFUSED/,
  });
  t.deepEqual(asked, []);
});

test.serial("a redirect is not followed", async (t) => {
  const { url, caFile, asked } = await startIssuerServer(t, (_, response) => {
    response.writeHead(302, { location: "/other" }).end();
  });
  await t.throwsAsync(fetchJwks(source({ jwks: `${url}/jwks`, caFile })), {
    code: "REFUSED",
    message: `${url}/jwks answers 302, not 200`,
  });
  t.is(asked.length, 1);
});

test.serial("a document of more than a megabyte is not read to its end", async (t) => {
  let sent = 0;
  const { url, caFile } = await startIssuerServer(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 32))) sent += 65_536;
    };
    response.on("drain", more);
    more();
  });
  await t.throwsAsync(fetchJwks(source({ jwks: `${url}/jwks`, caFile })), { code: "TOO_LARGE" });
  t.true(sent < 64 * 1024 ** 2);
});

test("an answer that drips is given up", async (t) => {
  AbortSignal.timeout = timeout;
  const { url, caFile } = await startIssuerServer(t, (_, response) => {
    const dripping = setInterval(() => response.write(" "), 500);
    response.on("close", () => clearInterval(dripping));
  });
  await t.throwsAsync(fetchJwks(source({ jwks: `${url}/jwks`, caFile })), {
    code: "LATE",
    message: `${url}/jwks did not answer in time`,
  });
});

test("a handshake that never comes is given up", async (t) => {
  AbortSignal.timeout = timeout;
  const server = createTcpServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const jwks = `https://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  await t.throwsAsync(fetchJwks(source({ jwks })), { code: "LATE" });
});

test.serial("a fetch ends when the service stops", async (t) => {
  const stopping = new AbortController();
  const { url, caFile } = await startIssuerServer(t, () => stopping.abort());
  await t.throwsAsync(fetchUntil(source({ jwks: `${url}/jwks`, caFile }), stopping.signal), { code: "LATE" });
});

test.serial("discovery and keys have one time together", async (t) => {
  const time = new AbortController();
  const patient = AbortSignal.timeout;
  const given: number[] = [];
  AbortSignal.timeout = (ms) => (given.push(ms) === 1 ? time.signal : timeout.call(AbortSignal, ms));
  t.teardown(() => {
    AbortSignal.timeout = patient;
  });
  const { url, caFile, asked } = await startIssuerServer(t, (request, response) => {
    const host = `https://${request.headers.host}`;
    if (request.url !== "/.well-known/openid-configuration") time.abort();
    else response.end(JSON.stringify({ issuer: host, jwks_uri: `${host}/keys` }));
  });
  await t.throwsAsync(fetchJwks(source({ issuer: url, caFile })), { code: "LATE", message: /\/keys did not answer/ });
  t.is(asked.length, 2);
  t.deepEqual(given, [5_000]);
});

test.serial("an answer in an encoding that was not asked for, and one that is cut, are refused", async (t) => {
  const zipped = await startIssuerServer(t, (_, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end(JWKS);
  });
  await t.throwsAsync(fetchJwks(source({ jwks: zipped.url, caFile: zipped.caFile })), { code: "REFUSED" });
  const cut = await startIssuerServer(t, (_, response) => {
    response.writeHead(200, { "content-length": 100 }).write(JWKS, () => response.destroy());
  });
  await t.throwsAsync(fetchJwks(source({ jwks: cut.url, caFile: cut.caFile })), { code: "UNREACHABLE" });
});

test.serial("discovery leads to the keys on the issuer's host", async (t) => {
  const { url, caFile, asked } = await startIssuerServer(
    t,
    discovering((path, host) =>
      path === "/tenant/.well-known/openid-configuration"
        ? { issuer: `https://${host}/tenant`, jwks_uri: `https://${host}/keys` }
        : JWKS,
    ),
  );
  const tokenFile = join(await tempFolder(t), "token");
  await writeFile(tokenFile, "a.b.c");
  t.is((await fetchJwks(source({ issuer: `${url}/tenant`, caFile, tokenFile }))).toString(), JWKS);
  t.deepEqual(asked, [
    { path: "/tenant/.well-known/openid-configuration", authorization: "Bearer a.b.c" },
    { path: "/keys", authorization: "Bearer a.b.c" },
  ]);
});

test.serial("discovery leads to another host only where that is listed, and without the token", async (t) => {
  const authority = await createAuthority();
  const keys = await startIssuerServer(t, serveJwks, authority);
  const { url, caFile } = await startIssuerServer(
    t,
    discovering((_, host) => ({ issuer: `https://${host}`, jwks_uri: `${keys.url}/keys` })),
    authority,
  );
  const tokenFile = join(await tempFolder(t), "token");
  await writeFile(tokenFile, "a.b.c");
  const asked = { issuer: url, caFile, tokenFile };
  for (const jwksHosts of [[], ["localhost"], ["127.0.0.1"]])
    await t.throwsAsync(fetchJwks(source({ ...asked, jwksHosts })), {
      code: "BAD_DISCOVERY",
      message: /its jwks_uri must be on the issuer's host, or on one in jwks_hosts$/,
    });
  const found = await fetchJwks(source({ ...asked, jwksHosts: [new URL(keys.url).host] }));
  t.is(found.toString(), JWKS);
  t.deepEqual(keys.asked, [{ path: "/keys", authorization: undefined }]);
});

for (const [what, document, message] of [
  ["is no JSON", "<html>", /its issuer must be the configured one$/],
  ["is null", "null", /its issuer must be the configured one$/],
  ["names another issuer", { issuer: "https://other.test", jwks_uri: "https://localhost/keys" }, /its issuer must/],
  ["names plaintext", { jwks_uri: "http://localhost/keys" }, /its jwks_uri must be an https URL without a user$/],
  ["names a user", { jwks_uri: "https://a:b@localhost/keys" }, /its jwks_uri must be an https URL without a user$/],
  ["names no address", {}, /its jwks_uri must be an https URL without a user$/],
] as const)
  test.serial(`a discovery document that ${what} is not followed`, async (t) => {
    const { url, caFile, asked } = await startIssuerServer(
      t,
      discovering((_, host) => (typeof document === "string" ? document : { issuer: `https://${host}`, ...document })),
    );
    await t.throwsAsync(fetchJwks(source({ issuer: url, caFile })), { code: "BAD_DISCOVERY", message });
    t.is(asked.length, 1);
  });

test.serial(
  "a token that could end the header, and files that are missing, are refused by name and without their text",
  async (t) => {
    const { url, caFile, asked } = await startIssuerServer(t, serveJwks);
    const folder = await tempFolder(t);
    const tokenFile = join(folder, "token");
    for (const text of ["a\r\nx: y", "", "a b", "a".repeat(16_385)]) {
      await writeFile(tokenFile, text);
      await t.throwsAsync(fetchJwks(source({ jwks: url, caFile, tokenFile })), {
        code: "BAD_FILE",
        message: `${tokenFile} does not hold a bearer token`,
      });
    }
    const missing = join(folder, "missing");
    for (const files of [{ caFile: missing }, { caFile, tokenFile: missing }])
      await t.throwsAsync(fetchJwks(source({ jwks: url, ...files })), {
        code: "BAD_FILE",
        message: `${missing} can't be read: ENOENT`,
      });
    t.deepEqual(asked, []);
  },
);

test.serial("a server of plaintext on loopback is no exception", async (t) => {
  const server = createServer((_, response) => response.end(JWKS));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const jwks = `https://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  await t.throwsAsync(fetchJwks(source({ jwks })), { code: "UNREACHABLE" });
});
