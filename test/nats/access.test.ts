import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { nkeys } from "nats";
import {
  certificateValidity,
  connectionOptions,
  expiredFiles,
  type NatsAccess,
  readNatsFiles,
} from "../../src/nats/access.ts";
import { dialFailure } from "../../src/nats/errors.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { accessWith, operatorMode, secretFile, startSecureNats } from "../support/nats/secure-nats.ts";
import { freePort } from "../support/service/free-port.ts";
import { clientCertificate, createAuthority, serverCertificate, writeIssued } from "../support/tls/certificates.ts";

/** Connects once. Resolves with the server's URL, or rejects as the library does. */
async function connectOnce(access: NatsAccess): Promise<string> {
  const options = connectionOptions(access, await readNatsFiles(access));
  const connection = await connect({ ...options, timeout: HANGS_MS });
  await connection.flush();
  await connection.close();
  return connection.getServer();
}

const refusal = (t: ExecutionContext, access: NatsAccess) => t.throwsAsync(connectOnce(access));

testWithNats("a server with TLS is reached with its CA, and takes this client by its certificate", async (t) => {
  const server = await startSecureNats(t, { verify: true });
  const own = await writeIssued(await tempFolder(t), "client", await clientCertificate(server.authority));
  await t.notThrowsAsync(connectOnce(accessWith(server, { ca: server.ca, ...own })));
  await t.notThrowsAsync(
    connectOnce(accessWith(server, { ca: server.ca, ...own }, [server.url.replace("nats:", "tls:")])),
  );
  t.truthy(await refusal(t, accessWith(server, { ca: server.ca })), "without a certificate");
});

testWithNats("a server of another CA is refused", async (t) => {
  const server = await startSecureNats(t);
  const ca = join(await tempFolder(t), "ca.crt");
  await writeFile(ca, (await createAuthority()).cert);
  const known = await refusal(t, accessWith(server, { ca }));
  const unknown = await refusal(t, { ...accessWith(server, {}), tls: true });
  for (const error of [known, unknown])
    t.regex(
      dialFailure(error, { tls: {} }),
      /^no CA of nats\.tls\.ca, or else of the system, signed the server's certificate \(\w+\)$/,
    );
});

testWithNats("a server without TLS is refused where TLS is asked for", async (t) => {
  const server = await startNats(t);
  const access = { ...accessWith(server, {}), tls: true };
  t.is(dialFailure(await refusal(t, access), { tls: {} }), "the server offers no TLS");
});

testWithNats("a server is refused whose certificate is for another name or address than the dialled one", async (t) => {
  const byName = await startSecureNats(t, { leaf: { names: [["dns", "localhost"]] } });
  const localhost = byName.url.replace("127.0.0.1", "localhost");
  await t.notThrowsAsync(connectOnce(accessWith(byName, { ca: byName.ca }, [localhost])));
  const wrong = await refusal(t, accessWith(byName, { ca: byName.ca }));
  t.regex(wrong?.message ?? "", /IP: 127\.0\.0\.1 is not in the cert's list/);
  const byAddress = await startSecureNats(t, { leaf: { names: [["ip", "127.0.0.1"]] } });
  await t.notThrowsAsync(connectOnce(accessWith(byAddress, { ca: byAddress.ca })));
});

test("a server that speaks TLS 1.2 at most is refused", async (t) => {
  const authority = await createAuthority();
  const own = await serverCertificate(authority);
  const versions: (string | null)[] = [];
  const server = createServer((socket) => {
    socket.write(`INFO ${JSON.stringify({ tls_required: true, proto: 1, version: "2.10.0", max_payload: 1e6 })}\r\n`);
    const secure = new TLSSocket(socket, { isServer: true, ...own, maxVersion: "TLSv1.2" });
    secure.on("secure", () => versions.push(secure.getProtocol()));
    secure.on("error", () => undefined);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const ca = join(await tempFolder(t), "ca.crt");
  await writeFile(ca, authority.cert);
  const access = accessWith({ url: `nats://127.0.0.1:${port}` }, { ca });
  t.regex((await refusal(t, access))?.message ?? "", /protocol version/);
  t.deepEqual(versions, []);
});

testWithNats(
  "this client is taken by its creds file, its nkey, or its user and password, and refused by others",
  async (t) => {
    const folder = await tempFolder(t);
    const file = (name: string, content: string) => secretFile(folder, name, content);
    const refused = async (access: NatsAccess) =>
      t.is(
        dialFailure(await refusal(t, access), { tls: {} }),
        "the server refuses this user, or wants one: 'Authorization Violation' " +
          "(nats.creds, nats.nkey, or nats.user_file with nats.password_file)",
      );
    const other = operatorMode();

    const { config, creds } = operatorMode();
    const byCreds = await startSecureNats(t, { users: config, jetstream: false });
    await t.notThrowsAsync(connectOnce(accessWith(byCreds, { ca: byCreds.ca, creds: await file("creds", creds) })));
    await refused(accessWith(byCreds, { ca: byCreds.ca, creds: await file("creds", other.creds) }));

    const [own, foreign] = [nkeys.createUser(), nkeys.createUser()];
    const seedOf = (key: typeof own) => `${Buffer.from(key.getSeed())}\n`;
    const byNkey = await startSecureNats(t, { users: `authorization { users: [{ nkey: ${own.getPublicKey()} }] }` });
    await t.notThrowsAsync(connectOnce(accessWith(byNkey, { ca: byNkey.ca, nkey: await file("nkey", seedOf(own)) })));
    await refused(accessWith(byNkey, { ca: byNkey.ca, nkey: await file("nkey", seedOf(foreign)) }));

    const byPassword = await startSecureNats(t, { users: 'authorization { user: signet, password: "a b\\\\n" }' });
    const user = await file("user", "signet\n");
    const password = await file("password", "a b\\n\n");
    await t.notThrowsAsync(connectOnce(accessWith(byPassword, { ca: byPassword.ca, user, password })));
    await refused(accessWith(byPassword, { ca: byPassword.ca, user, password: await file("password", "other") }));
  },
);

testWithNats("of several servers one that is away is passed over", async (t) => {
  const server = await startNats(t);
  const away = `nats://127.0.0.1:${await freePort()}`;
  for (const servers of [
    [away, server.url],
    [server.url, away],
  ])
    t.is(`nats://${await connectOnce(accessWith(server, {}, servers))}`, server.url);
});

test("all faults of the files are named together, and none repeats a secret", async (t) => {
  const folder = await tempFolder(t);
  const secret = await secretFile(folder, "secret", "geheim");
  const read = async (files: Parameters<typeof accessWith>[1]) => {
    const error = await t.throwsAsync(readNatsFiles(accessWith({ url: "nats://127.0.0.1:1" }, files)));
    t.like(error, { name: "StartError", code: "NATS_FILES" });
    t.false(error?.message.includes("geheim"));
    return error?.message.replaceAll(folder, "");
  };
  t.is(
    await read({ ca: secret, key: secret, creds: secret }),
    "the CA of NATS (/secret) must hold certificates in PEM (-----BEGIN CERTIFICATE-----); " +
      "the private key for NATS (/secret) must hold a private key in PEM, without a passphrase; " +
      "the credentials for NATS (/secret) must hold a user's JWT and its seed, as `nsc generate creds` writes them",
  );
  t.is(
    await read({ nkey: secret }),
    "the nkey for NATS (/secret) must hold the seed of an nkey (SU…), as `nk -gen user` writes it",
  );
  const empty = await secretFile(folder, "empty", "\n");
  t.is(
    await read({ user: empty, password: empty }),
    "the user for NATS (/empty) is empty; the password for NATS (/empty) is empty",
  );
  await chmod(secret, 0o644);
  t.regex(
    (await read({ user: secret, password: join(folder, "none") })) ?? "",
    /mode 0644.*; .*none can't be used: ENOENT/,
  );
});

test("a certificate and credentials that have expired are found before a server refuses them", async (t) => {
  const folder = await tempFolder(t);
  const past = new Date("2026-01-01T00:00:00Z");
  const own = await clientCertificate(await createAuthority(), { notBefore: new Date(0), notAfter: past });
  const { cert, key } = await writeIssued(folder, "client", own);
  const creds = await secretFile(folder, "creds", operatorMode({ exp: past.getTime() / 1000 }).creds);
  const access = accessWith({ url: "nats://127.0.0.1:1" }, { cert, key, creds });
  const files = await readNatsFiles(access);
  t.deepEqual(
    expiredFiles(access, files, past.getTime() + 1).map((text) => text.replaceAll(`${folder}/`, "")),
    [
      "the certificate for NATS (client.crt) expired at 2026-01-01T00:00:00.000Z",
      "the credentials for NATS (creds) have expired at 2026-01-01T00:00:00.000Z",
    ],
  );
  t.deepEqual(expiredFiles(access, files, past.getTime() - 1), []);
});

test("the certificate for NATS expires with the first one of its chain, which may be an intermediate", async (t) => {
  const folder = await tempFolder(t);
  const soon = new Date("2026-01-01T00:00:00Z");
  const intermediate = await createAuthority("intermediate", { notBefore: new Date(0), notAfter: soon });
  const own = await clientCertificate(await createAuthority());
  const { cert, key } = await writeIssued(folder, "client", { ...own, cert: own.cert + intermediate.cert });
  const access = accessWith({ url: "nats://127.0.0.1:1" }, { cert, key });
  const files = await readNatsFiles(access);
  t.deepEqual(certificateValidity(access, files), {
    notBefore: "1970-01-01T00:00:00.000Z",
    expires: "2026-01-01T00:00:00.000Z",
  });
  t.deepEqual(
    expiredFiles(access, files, Date.now()).map((text) => text.replaceAll(`${folder}/`, "")),
    [
      "the certificate for NATS (client.crt) holds an intermediate certificate that expired at 2026-01-01T00:00:00.000Z",
    ],
  );
});
