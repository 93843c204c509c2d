import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkConnections } from "../../src/app/check-connections.ts";
import { ensureStream, wantedStream } from "../../src/nats/audit/stream.ts";
import { signet } from "../cli/terminal.ts";
import { tempFolder } from "../support/files/temp.ts";
import { type AccountsNats, envOf, startAccountsNats } from "../support/nats/accounts.ts";
import { connect, ifThere } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { secretFile, startSecureNats } from "../support/nats/secure-nats.ts";
import { untilReady } from "../support/replicas/bucket-owner.ts";
import { freePort } from "../support/service/free-port.ts";
import { issue, startService, testEnv } from "../support/service/service.ts";
import { clientCertificate, createAuthority, serverCertificate, writeIssued } from "../support/tls/certificates.ts";
import { replace, tlsFiles } from "../support/tls/tls-files.ts";

async function check(t: ExecutionContext, env: Record<string, string>, data?: string) {
  const whole = testEnv(data ?? (await tempFolder(t)), env);
  const now = Date.now;
  const { code, stdout, stderr } = await signet(["config", "check", "--connect"], {
    env: whole,
    checkConnections,
    now,
  });
  return { code, lines: stderr.trim().split("\n"), stdout };
}

const SHARED = { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
const PERMISSION = /: nats: NATS answered Permissions Violation for Publish to "(.*)": give the user this permission/;

/** Everything in the account that a check could leave behind. */
async function contentOf(nats: AccountsNats) {
  const pass = await readFile(nats.signet.password, "utf8");
  const connection = await connect({ servers: nats.url, user: "signet", pass });
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const names = ["SIGNET_AUDIT", "KV_signet", "KV_signet-live"];
  const streams = await Promise.all(names.map((name) => ifThere(manager.streams.info(name))));
  await connection.close();
  return streams.map((stream) => stream && [stream.state.last_seq, stream.state.messages, stream.state.consumer_count]);
}

testWithNats(
  "before the first start, a configuration that works is without a fault, and nothing is created",
  async (t) => {
    const nats = await startAccountsNats(t);
    const { code, lines, stdout } = await check(t, { ...envOf(nats, nats.signet), ...SHARED });
    t.is(code, 0, lines.join("\n"));
    t.deepEqual(lines.slice(-4, -1), [
      "note: the stream SIGNET_AUDIT does not exist yet: Signet creates it",
      "note: the stream KV_signet does not exist yet: Signet creates it",
      "note: the stream KV_signet-live does not exist yet: Signet creates it",
    ]);
    t.regex(lines.at(-1) ?? "", /^note: there is no KEK file \S+\/kek yet: the first start creates it$/);
    t.true(stdout.startsWith("ok\n"));
    t.deepEqual(await contentOf(nats), [undefined, undefined, undefined]);
  },
);

testWithNats(
  "an audit stream that can't be trimmed is noted, and the next one once its subjects were moved",
  async (t) => {
    const nats = await startNats(t);
    const connection = await connect({ servers: nats.url });
    t.teardown(() => connection.close());
    const manager = await connection.jetstreamManager();
    const earlier = { ...wantedStream(1), deny_purge: true };
    await manager.streams.add(earlier);
    const notes = async () => {
      const { code, lines } = await check(t, { SIGNET_NATS_URL: nats.url });
      t.is(code, 0, lines.join("\n"));
      return lines.filter((line) => line.includes("SIGNET_AUDIT"));
    };
    t.deepEqual(await notes(), ["note: deny_purge of SIGNET_AUDIT is true: it can never be trimmed (docs/archive.md)"]);
    await manager.streams.update("SIGNET_AUDIT", { ...earlier, subjects: ["signet.closed.audit"] });
    t.deepEqual(await notes(), ["note: the stream SIGNET_AUDIT_2 does not exist yet: Signet creates it"]);
    await ensureStream(connection, 1);
    t.deepEqual(await notes(), []);
  },
);

testWithNats("beside a running replica, the check opens every key and changes nothing", async (t) => {
  const nats = await startAccountsNats(t);
  const kek = await secretFile(await tempFolder(t), "kek", randomBytes(32).toString("base64url"));
  const env = { ...envOf(nats, nats.signet), ...SHARED, SIGNET_KEK_FILE: kek };
  const service = await startService(t, { env });
  await untilReady(service);
  await issue(service);
  await service.app.stop("SIGTERM");
  const before = await contentOf(nats);
  const { code, lines } = await check(t, env);
  t.is(code, 0, lines.join("\n"));
  t.regex(lines.join("\n"), /note: the key-encryption key opens all keys \([1-9]\d* rings\)/);
  t.deepEqual(await contentOf(nats), before);

  await writeFile(kek, randomBytes(32).toString("base64url"));
  const wrong = await check(t, env);
  t.is(wrong.code, 1);
  t.regex(wrong.lines.join("\n"), /state: .*key-encryption key/);
});

testWithNats("every permission that a user lacks is named at once, with the way out", async (t) => {
  const nats = await startAccountsNats(t);
  const service = await startService(t, { env: { ...envOf(nats, nats.signet), ...SHARED } });
  await untilReady(service);
  const { code, lines } = await check(t, { ...envOf(nats, nats.auditor), ...SHARED });
  t.is(code, 1);
  // The auditor's inboxes have another name: without answers, nothing else can be asked.
  t.regex(lines.join("\n"), /Permissions Violation for Subscription to "_INBOX\.>": give the user this permission/);
});

testWithNats("what a user may not do is found without doing it", async (t) => {
  const lacking = [
    "signet.audit.>",
    "$KV.signet.>",
    "$KV.signet-live.>",
    "$JS.API.STREAM.PURGE.>",
    "$JS.API.CONSUMER.DELETE.>",
    "$JS.FC.>",
  ];
  const users = `{ user: a, password: a, permissions: { publish: { deny: ${JSON.stringify(lacking)} } } }`;
  const config = `accounts { A { jetstream: enabled, users: [${users}, { user: b, password: b }] } }\nno_auth_user: b\n`;
  const folder = await tempFolder(t);
  const file = join(folder, "nats.conf");
  await writeFile(file, config);
  const nats = await startNats(t, { flags: ["-c", file] });
  const service = await startService(t, { env: { SIGNET_NATS_URL: nats.url, ...SHARED } });
  await untilReady(service);
  const word = await secretFile(folder, "a", "a");
  const { code, lines } = await check(t, { ...envOf(nats, { user: word, password: word }), ...SHARED });
  t.is(code, 1);
  t.deepEqual(lines.flatMap((line) => PERMISSION.exec(`: ${line.trim()}`)?.[1] ?? []).toSorted(), [
    "$JS.API.CONSUMER.DELETE.KV_signet-live.config-check",
    "$JS.API.CONSUMER.DELETE.KV_signet.config-check",
    "$JS.API.STREAM.PURGE.KV_signet",
    "$JS.API.STREAM.PURGE.KV_signet-live",
    "$JS.FC.KV_signet-live.config-check",
    "$JS.FC.KV_signet.config-check",
    "$KV.signet-live.config-check",
    "$KV.signet.config-check",
    "signet.audit.config-check",
  ]);
});

testWithNats("each server is tried, and all that is wrong is said together", async (t) => {
  const nats = await startSecureNats(t, { verify: true });
  const folder = await tempFolder(t);
  const expired = await clientCertificate(nats.authority, { notAfter: new Date(Date.now() - 1000) });
  const { cert, key } = await writeIssued(folder, "client", expired);
  const away = `nats://127.0.0.1:${await freePort()}`;
  const env = { SIGNET_NATS_TLS_CA: nats.ca, SIGNET_NATS_TLS_CERT: cert, SIGNET_NATS_TLS_KEY: key };
  const { code, lines } = await check(t, { ...env, SIGNET_NATS_URL: `${away},${nats.url}` });
  const text = lines.join("\n");
  t.is(code, 1);
  t.regex(text, /nats: the certificate for NATS \(.*client\.crt\) expired at/);
  t.true(text.includes(`nats: ${away}: CONNECTION_REFUSED`), text);
  // What OpenSSL or the system says of a refused certificate depends on who is faster.
  t.regex(text, /nats: nats:\/\/127\.0\.0\.1:\d+: (?!CONNECTION_REFUSED)/);
});

testWithNats("a CA that did not make the server's certificate, and a file that is not there, are named", async (t) => {
  const nats = await startSecureNats(t);
  const ca = join(await tempFolder(t), "ca.crt");
  await writeFile(ca, (await createAuthority()).cert);
  const wrong = await check(t, { SIGNET_NATS_URL: nats.url, SIGNET_NATS_TLS_CA: ca });
  t.regex(wrong.lines.join("\n"), /nats: nats:\/\/127\.0\.0\.1:\d+: .*certificate/);
  const { code, lines } = await check(t, { SIGNET_NATS_URL: nats.url, SIGNET_NATS_CREDS: "/nowhere/creds" });
  t.is(code, 1);
  t.regex(lines.join("\n"), /nats: \/nowhere\/creds can't be used: ENOENT/);
});

test("without a state, the key-encryption key is tried as the first start would find it, and none is created", async (t) => {
  const folder = await tempFolder(t);
  const missing = join(folder, "none");
  const garbage = await secretFile(folder, "garbage", "no key");
  const good = await secretFile(folder, "good", randomBytes(32).toString("base64url"));
  const faulty = [
    [{ SIGNET_KEK_FILE: missing, SIGNET_KEK_CREATE: "false" }, /kek: KEK file \S+none: there is no such file/],
    [{ SIGNET_KEK_FILE: join(missing, "kek") }, /kek: KEK file \S+none\/kek: there is no such file or folder/],
    [{ SIGNET_KEK_FILE: garbage }, /kek: KEK file \S+garbage must hold base64url text/],
    [{ SIGNET_KEK_FILE: folder }, /kek: KEK file \S+ is a folder, and must be a file/],
    [{ SIGNET_KEK_FILE: good, SIGNET_KEK_PREVIOUS: missing }, /kek: KEK file \S+none: there is no such file/],
  ] as const;
  for (const [env, fault] of faulty) {
    const { code, lines } = await check(t, env);
    t.is(code, 1, lines.join("\n"));
    t.regex(lines.join("\n"), fault);
  }
  t.is((await check(t, { SIGNET_KEK_FILE: good })).code, 0);
  const { code, lines } = await check(t, {}, join(folder, "data"));
  t.is(code, 0, lines.join("\n"));
  t.regex(lines.join("\n"), /note: there is no KEK file \S+ yet: the first start creates it/);
  t.deepEqual((await readdir(folder)).toSorted(), ["garbage", "good"]);
});

testWithNats("a state that a service uses is not read, which is no fault", async (t) => {
  const data = await tempFolder(t);
  await startService(t, { data });
  const { code, lines } = await check(t, {}, data);
  t.is(code, 0);
  t.regex(lines.join("\n"), /note: the state in .* is in use by a service, and was not read/);
});

test("the certificates of both listeners are read, and what is wrong with them is reported together", async (t) => {
  const files = await tlsFiles(t);
  const env = {
    SIGNET_GRPC_TLS_SOURCE: "files",
    SIGNET_GRPC_TLS_CERT: files.cert,
    SIGNET_GRPC_TLS_KEY: files.key,
    SIGNET_HTTP_TLS_CERT: files.cert,
    SIGNET_HTTP_TLS_KEY: files.key,
  };
  t.is((await check(t, env)).code, 0);
  await replace(files, await serverCertificate(files.authority), ["cert"]);
  const { code, lines } = await check(t, env);
  t.is(code, 1);
  for (const section of ["grpc.tls", "http.tls"]) {
    const fault = `${section}.key (${files.key}) is not the private key of ${section}.cert (${files.cert})`;
    t.true(lines.join("\n").includes(`${section}: ${fault}`), lines.join("\n"));
  }
});
