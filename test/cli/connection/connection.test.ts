import { chmod, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../../support/files/temp.ts";
import {
  createAuthority,
  type Issued,
  type LeafOptions,
  serverCertificate,
  writeIssued,
} from "../../support/tls/certificates.ts";
import { fakeService } from "../fake-service.ts";
import { signet } from "../terminal.ts";

const ISSUE = ["token", "issue", "service"];
const TOKEN = "header.payload.signature";
const DAY_MS = 86_400_000;

const authority = await createAuthority("Server CA");
const stranger = await createAuthority("Another CA");

async function written(t: ExecutionContext, content: string): Promise<string> {
  const path = join(await tempFolder(t), "file");
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** A service over TLS, which asks for no certificate of its callers. */
async function secureService(t: ExecutionContext, options: LeafOptions = {}) {
  const { cert, key } = await serverCertificate(authority, options);
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
  const security = ServerCredentials.createSsl(null, [pair], false);
  const service = await fakeService({ issueToken: { token: "t" } }, "127.0.0.1:0", security);
  t.teardown(service.stop);
  return { ...service, ca: await written(t, authority.cert) };
}

/** Accepts TLS connections, and speaks no gRPC. */
async function secureServer(t: ExecutionContext, options: TlsOptions) {
  const { cert, key } = await serverCertificate(authority);
  const server = createServer({ cert, key, ALPNProtocols: ["h2"], ...options }).listen(0, "127.0.0.1");
  server.on("tlsClientError", () => {});
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => sockets.push(socket));
  await new Promise((resolve) => server.once("listening", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { address: `127.0.0.1:${port}`, ca: await written(t, authority.cert) };
}

test("with the CA of the server it calls over TLS, also on loopback, and the options override the variables", async (t) => {
  const { address, ca } = await secureService(t);
  const other = await written(t, stranger.cert);
  t.like(await signet([...ISSUE, "--address", address, "--ca", ca], { env: { SIGNET_CA: other } }), {
    code: 0,
    stdout: "t\n",
  });
  t.is((await signet([...ISSUE, "--address", address], { env: { SIGNET_CA: ca } })).code, 0);
});

test("a token goes as a bearer token: over TLS, and on this machine in plaintext", async (t) => {
  const secure = await secureService(t);
  const local = await fakeService({ issueToken: { token: "t" } });
  t.teardown(local.stop);
  const token = await written(t, `${TOKEN}\n`);
  for (const words of [
    ["--address", secure.address, "--ca", secure.ca],
    ["--address", local.address],
  ])
    t.is((await signet([...ISSUE, ...words, "--token-file", token])).code, 0);
  t.deepEqual([secure.authorizations, local.authorizations], [[`Bearer ${TOKEN}`], [`Bearer ${TOKEN}`]]);
});

test("a certificate proves the caller to a server that demands one", async (t) => {
  const server = await serverCertificate(authority);
  const pair = { cert_chain: Buffer.from(server.cert), private_key: Buffer.from(server.key) };
  const security = ServerCredentials.createSsl(Buffer.from(authority.cert), [pair], true);
  const service = await fakeService({ issueToken: { token: "t" } }, "127.0.0.1:0", security);
  t.teardown(service.stop);
  const ca = await written(t, authority.cert);
  const own = await writeIssued(await tempFolder(t), "caller", await authority.issue());
  const call = (...words: string[]) => signet([...ISSUE, "--address", service.address, "--ca", ca, ...words]);
  t.is((await call("--cert", own.cert, "--key", own.key)).code, 0);
  const { code, stderr } = await call();
  t.is(code, 2);
  t.regex(
    stderr,
    /the server demands a certificate: give --cert.* and --key.*ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED/,
  );
});

for (const [what, options, words, said] of [
  [
    "of another CA",
    {},
    ["--ca", "stranger"],
    /no CA in \S+ signed the server's certificate \(unable to verify the first certificate, UNABLE_TO_VERIFY_LEAF_SIGNATURE\)/,
  ],
  [
    "of no CA of the system",
    {},
    ["--cert", "own", "--key", "own"],
    /no CA of this system signed the server's certificate: give its CA with --ca \(else SIGNET_CA\) \(.*UNABLE_TO/,
  ],
  [
    "of another name",
    {},
    ["--ca", "ca", "--server-name", "other.example"],
    /is not for other\.example: name what it is for with --server-name.*DNS:localhost.*ERR_TLS_CERT_ALTNAME/,
  ],
  [
    "that has expired",
    { notAfter: new Date(Date.now() - DAY_MS / 2) },
    ["--ca", "ca"],
    /the server's certificate has expired \(.*CERT_HAS_EXPIRED\)/,
  ],
  [
    "of tomorrow",
    { notBefore: new Date(Date.now() + DAY_MS / 2) },
    ["--ca", "ca"],
    /the server's certificate is not valid yet: compare the clocks \(.*CERT_NOT_YET_VALID\)/,
  ],
] as const)
  test(`a server with a certificate ${what} is not called, and the reason is given`, async (t) => {
    const { address, ca, requests } = await secureService(t, options);
    const own = await writeIssued(await tempFolder(t), "own", await authority.issue());
    const files: Record<string, string> = { ca, stranger: await written(t, stranger.cert) };
    const filled = words.map((word, at) =>
      word === "own" ? own[words[at - 1] === "--key" ? "key" : "cert"] : (files[word] ?? word),
    );
    const { code, stdout, stderr } = await signet([...ISSUE, "--address", address, ...filled]);
    t.deepEqual([code, stdout, requests.length], [2, "", 0]);
    t.regex(stderr, /^error: UNAVAILABLE: no TLS connection to 127\.0\.0\.1:/);
    t.regex(stderr, said);
  });

test("the name that is checked is --server-name, where it is given", async (t) => {
  const { address, ca } = await secureService(t, { names: [["dns", "signet.example"]] });
  t.is((await signet([...ISSUE, "--address", address, "--ca", ca])).code, 2);
  t.is((await signet([...ISSUE, "--address", address, "--ca", ca, "--server-name", "signet.example"])).code, 0);
});

test("a server may prove a SPIFFE ID instead, which then must be the one of --server-name", async (t) => {
  const { address, ca } = await secureService(t, { names: [["url", "spiffe://example.org/signet"]] });
  const call = (name: string) => signet([...ISSUE, "--address", address, "--ca", ca, "--server-name", name]);
  t.is((await call("spiffe://example.org/signet")).code, 0);
  for (const [name, said] of [
    [
      "spiffe://example.org/another",
      /is not for spiffe:\/\/example\.org\/another.*it is for spiffe:\/\/example\.org\/signet/,
    ],
    ["spiffe://another.org/signet", /has a SPIFFE ID of a trust domain/],
    ["signet.example", /is not for signet\.example/],
  ] as const) {
    const { code, stderr } = await call(name);
    t.is(code, 2);
    t.regex(stderr, said);
  }
});

test("an IPv4 address is not sent as the name of the server", async (t) => {
  const names: (string | false | undefined)[] = [];
  const { address, ca } = await secureServer(t, {
    SNICallback: (name, answer) => {
      names.push(name);
      answer(new Error("the name is known"));
    },
  });
  await signet([...ISSUE, "--address", address, "--ca", ca, "--timeout", "3s"]);
  t.deepEqual(names, []);
  await signet([...ISSUE, "--address", address.replace("127.0.0.1", "localhost"), "--ca", ca, "--timeout", "60s"]);
  t.deepEqual(new Set(names), new Set(["localhost"]), "control: a DNS name is");
});

test("TLS against plaintext, and plaintext against TLS, each say which", async (t) => {
  const plain = await fakeService({ issueToken: { token: "t" } });
  t.teardown(plain.stop);
  const { address, ca } = await secureService(t);
  const tls = await signet([...ISSUE, "--address", plain.address, "--ca", ca]);
  t.is(tls.code, 2);
  t.regex(tls.stderr, /the server does not speak TLS \(wrong version number, ERR_SSL_WRONG_VERSION_NUMBER\)/);
  const plaintext = await signet([...ISSUE, "--address", address]);
  t.is(plaintext.code, 2);
  t.regex(
    plaintext.stderr,
    /^error: UNAVAILABLE: 127\.0\.0\.1:\d+ speaks TLS: give its CA with --ca \(else SIGNET_CA\)$/m,
  );
});

test("a server that only speaks TLS 1.2 is not called", async (t) => {
  const { address, ca } = await secureServer(t, { maxVersion: "TLSv1.2" });
  const { code, stderr } = await signet([...ISSUE, "--address", address, "--ca", ca]);
  t.is(code, 2);
  t.regex(stderr, /the server does not speak TLS 1\.3 \(/);
});

test("where nothing listens it says so, over TLS as well", async (t) => {
  const { address, ca, stop } = await secureService(t);
  stop();
  const { code, stderr } = await signet([...ISSUE, "--address", address, "--ca", ca]);
  t.is(code, 2);
  t.regex(stderr, /^error: UNAVAILABLE: no Signet answers at 127\.0\.0\.1:/);
});

async function filesOf(t: ExecutionContext, pair: Issued) {
  const paths = await writeIssued(await tempFolder(t), "caller", pair);
  return ["--cert", paths.cert, "--key", paths.key] as const;
}

test("files that can't be used are all named, with their options, before anything is connected", async (t) => {
  const words = ["--ca", "/nowhere/ca", "--cert", await written(t, "x"), "--key", await written(t, "secret text")];
  const { code, stderr } = await signet([...ISSUE, "--address", "192.0.2.1:1", ...words]);
  t.is(code, 2);
  for (const said of [
    /--ca \(else SIGNET_CA\): \/nowhere\/ca can't be used: ENOENT/,
    /--cert \(else SIGNET_CERT\): \S+ must hold certificates in PEM/,
    /--key \(else SIGNET_KEY\): \S+ must hold a private key in PEM, without a passphrase/,
  ])
    t.regex(stderr, said);
  t.notRegex(stderr, /secret text/);
});

test("a key that is another certificate's, or that others can read, is refused", async (t) => {
  const [own, other] = [await authority.issue(), await authority.issue()];
  const call = (words: readonly string[]) => signet([...ISSUE, "--address", "192.0.2.1:1", ...words]);
  const mixed = await call(await filesOf(t, { cert: own.cert, key: other.key }));
  t.regex(mixed.stderr, /--key \(else SIGNET_KEY\): \S+ is not the private key of \S+/);
  const open = await filesOf(t, own);
  await chmod(open[3], 0o644);
  const { code, stderr } = await call(open);
  t.is(code, 2);
  t.regex(stderr, /--key \(else SIGNET_KEY\): \S+ has mode 0644: others must have no access/);
});

for (const [what, content] of [
  ["two lines", `${TOKEN}\nx: y\n`],
  ["nothing", ""],
  ["white space", `${TOKEN} x`],
  ["letters beyond ASCII", "tökén"],
] as const)
  test(`a token file with ${what} is refused, and not quoted`, async (t) => {
    const { code, stderr } = await signet([...ISSUE, "--token-file", await written(t, content)]);
    t.is(code, 2);
    t.regex(stderr, /--token-file \(else SIGNET_TOKEN_FILE\): \S+ must hold one token: one line/);
    t.notRegex(stderr, /signature|tökén/);
  });
