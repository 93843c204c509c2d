import { writeFile } from "node:fs/promises";
import type { ExecutionContext } from "ava";
import type { NatsAccess } from "../../src/nats/access.ts";
import { UNUSED_EVENT } from "../../src/nats/attempt.ts";
import type { LinkReport } from "../../src/nats/link.ts";
import { openWatchedLink } from "../../src/nats/watched-link.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { testWithNats } from "../support/nats/nats-server.ts";
import { accessWith, type SecureNats, secretFile, startSecureNats } from "../support/nats/secure-nats.ts";
import { clientCertificate, createAuthority, writeIssued } from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";

const USE = { name: "test", writes: UNUSED_EVENT } as const;

const usersOf = (...passwords: readonly string[]) =>
  `authorization { users: [${passwords.map((word) => `{ user: "u-${word}", password: "${word}" }`).join(", ")}] }`;

/** A server that takes these passwords, and the files with the first of them. */
async function passwordFiles(t: ExecutionContext, ...passwords: readonly [string, ...string[]]) {
  const server = await startSecureNats(t, { users: usersOf(...passwords) });
  const folder = await tempFolder(t);
  const user = await secretFile(folder, "user", `u-${passwords[0]}`);
  const password = await secretFile(folder, "password", passwords[0]);
  const exchange = async (word: string) => {
    await writeFile(user, `u-${word}`);
    await writeFile(password, word);
  };
  return { server, access: accessWith(server, { ca: server.ca, user, password }), exchange };
}

async function openLink(t: ExecutionContext, access: NatsAccess) {
  const reports: LinkReport[] = [];
  const { link, close } = await openWatchedLink(access, USE, (report) => void reports.push(report));
  t.teardown(() => close(1000));
  const connection = await link.connected(AbortSignal.timeout(HANGS_MS));
  const reported = (type: LinkReport["type"], message = /./) =>
    waitUntil(`a report ${type}`, () =>
      reports.some((report) => report.type === type && message.test("message" in report ? report.message : "up")),
    );
  return { link, close, reports, connection, reported };
}

/** What the link reports, save that a busy machine did not answer a dial in time. */
const types = (reports: readonly LinkReport[]) =>
  reports
    .filter((report) => !("message" in report && /^no answer in time/.test(report.message)))
    .map(({ type }) => type);

testWithNats("a connection with new credentials is in use before the old one is closed", async (t) => {
  const { server, access, exchange } = await passwordFiles(t, "one", "two");
  const { link, reports, connection, reported } = await openLink(t, access);
  let downs = 0;
  link.onDown(connection, () => downs++);
  await exchange("two");
  await reported("renewed");
  t.not(link.connection, connection);
  t.is(link.generation, 2);
  await t.notThrowsAsync(connection.flush(), "what was sent over the old one is still answered");
  t.is(downs, 0);
  await server.exchangeUsers(usersOf("two"));
  await connection.closed();
  t.is(downs, 1);
  await t.notThrowsAsync(link.connection?.flush() ?? Promise.reject());
  t.deepEqual(types(reports), ["up", "renewed"], "for its users the link was never down");
});

testWithNats("a replaced connection is closed by itself after a while", async (t) => {
  const { access, exchange } = await passwordFiles(t, "one", "two");
  const { link, connection, reported } = await openLink(t, access);
  const down = new Promise<void>((resolve) => link.onDown(connection, resolve));
  await exchange("two");
  await reported("renewed");
  await Promise.all([down, connection.closed()]);
  t.false(link.connection?.isClosed());
});

testWithNats(
  "credentials that the server refuses leave the good ones in use, and count once it takes them",
  async (t) => {
    const { server, access, exchange } = await passwordFiles(t, "one");
    const { link, connection, reports, reported } = await openLink(t, access);
    await exchange("two");
    await reported("not_renewed", /Authorization Violation/);
    t.is(link.connection, connection);
    await t.notThrowsAsync(connection.flush());
    await server.exchangeUsers(usersOf("one", "two"));
    await reported("renewed");
    t.deepEqual(types(reports), ["up", "not_renewed", "renewed"], "a refusal is reported once");
  },
);

testWithNats("the link comes back with new credentials when the server has dropped the old ones first", async (t) => {
  const { server, access, exchange } = await passwordFiles(t, "one");
  const { link, reported } = await openLink(t, access);
  await server.exchangeUsers(usersOf("two"));
  await reported("down", /AUTHORIZATION_VIOLATION/);
  await exchange("two");
  await reported("renewed");
  await t.notThrowsAsync(link.connection?.flush() ?? Promise.reject());
});

testWithNats("new credentials count where the server has never taken the old ones", async (t) => {
  const { server, access, exchange } = await passwordFiles(t, "one");
  await server.exchangeUsers(usersOf("two"));
  const reports: LinkReport[] = [];
  const { link, close } = await openWatchedLink(access, USE, (report) => void reports.push(report));
  t.teardown(() => close(1000));
  await waitUntil("it is refused", () => reports.length > 0);
  await exchange("two");
  await link.connected(AbortSignal.timeout(HANGS_MS));
  t.deepEqual(types(reports), ["down", "renewed"]);
});

testWithNats("a link that is closed while a replaced connection lingers closes both at once", async (t) => {
  const { access, exchange } = await passwordFiles(t, "one", "two");
  const { link, close, connection, reported } = await openLink(t, access);
  await exchange("two");
  await reported("renewed");
  const renewed = link.connection;
  await close(1000);
  t.true(connection.isClosed());
  t.true(renewed?.isClosed());
});

testWithNats("credentials of a user who may not write leave the good ones in use", async (t) => {
  const { server, access, exchange } = await passwordFiles(t, "one");
  const { link, connection, reported } = await openLink(t, access);
  const reader = '{ user: "u-two", password: "two", permissions: { publish: { deny: ["signet.audit.>"] } } }';
  await server.exchangeUsers(`authorization { users: [{ user: "u-one", password: "one" }, ${reader}] }`);
  await exchange("two");
  await reported("not_renewed", /Permissions Violation for Publish to "signet\.audit\.config-check"/);
  t.is(link.connection, connection);
  await t.notThrowsAsync(connection.flush());
});

async function certified(t: ExecutionContext) {
  const server = await startSecureNats(t, { verify: true });
  const folder = await tempFolder(t);
  const write = async (authority: SecureNats["authority"], options = {}) =>
    writeIssued(folder, "client", await clientCertificate(authority, options));
  const paths = await write(server.authority);
  return { server, write, paths, access: accessWith(server, { ca: server.ca, ...paths }) };
}

testWithNats("half a pair, a broken and an expired certificate leave the good one in use", async (t) => {
  const { server, write, paths, access } = await certified(t);
  const { link, connection, reported } = await openLink(t, access);
  const good = await clientCertificate(server.authority);
  await writeFile(paths.cert, good.cert);
  await reported("not_renewed", /the private key for NATS \(.*\) is not the private key of the certificate for NATS/);
  await writeFile(paths.cert, good.cert.slice(0, 200));
  await reported("not_renewed", /the certificate for NATS \(.*\) must hold whole certificates in PEM/);
  await write(server.authority, { notAfter: new Date(Date.now() - 1000) });
  await reported("not_renewed", /the certificate for NATS \(.*\) expired at/);
  t.is(link.connection, connection);
  await t.notThrowsAsync(connection.flush());
  await write(server.authority);
  await reported("renewed");
});

testWithNats("a certificate that has expired before the start is reported, and stops nothing", async (t) => {
  const { server, write, access } = await certified(t);
  await write(server.authority, { notAfter: new Date(Date.now() - 1000) });
  const reports: LinkReport[] = [];
  const { link, close } = await openWatchedLink(access, USE, (report) => void reports.push(report));
  t.teardown(() => close(1000));
  t.like(reports, { 0: { type: "not_renewed" }, length: 1 });
  t.regex(JSON.stringify(reports), /the certificate for NATS \(.*\) expired at/);
  await write(server.authority);
  await t.notThrowsAsync(link.connected(AbortSignal.timeout(HANGS_MS)));
});

testWithNats("a certificate of a CA that the server does not know leaves the good one in use", async (t) => {
  const { write, access } = await certified(t);
  const { link, connection, reported } = await openLink(t, access);
  await write(await createAuthority("another CA"));
  await reported("not_renewed");
  t.is(link.connection, connection);
  await t.notThrowsAsync(connection.flush());
});

testWithNats("a link moves to another of its servers, with TLS and credentials", async (t) => {
  const { server, access } = await passwordFiles(t, "one");
  const other = await startSecureNats(t, { users: usersOf("one"), authority: server.authority });
  const both = { ...access, servers: [server.url, other.url] };
  const { link, connection } = await openLink(t, both);
  const [used, left] = server.url.endsWith(connection.getServer()) ? [server, other] : [other, server];
  await used.kill9();
  await waitUntil("it is up at the other server", () => left.url.endsWith(link.connection?.getServer() ?? "none"));
  await t.notThrowsAsync(link.connection?.flush() ?? Promise.reject());
});
