import { once } from "node:events";
import { connect, type Socket } from "node:net";
import test from "ava";
import {
  clientCertificate,
  createAuthority,
  type Issued,
  type LeafOptions,
  serverCertificate,
} from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";
import { NGHTTP2_NO_ERROR, newSet, tlsServer } from "./tls-server.ts";

const authority = createAuthority();
const ADDRESS = "127.0.0.1";
const REFUSED = "16 UNAUTHENTICATED: the client certificate";
const ID = "spiffe://example.org/a";
const CERTIFIED = { kind: "certificate", name: ID, address: ADDRESS } as const;

test("a client's certificate names the caller of each of its calls, and one without proves nothing", async (t) => {
  const { client } = await tlsServer(t, [await authority]);
  t.deepEqual(await client(await clientCertificate(await authority))(), CERTIFIED);
  const byDns = await clientCertificate(await authority, { names: [["dns", "api.example.org"]] });
  t.deepEqual(await client(byDns)(), { ...CERTIFIED, name: "dns:api.example.org" });
  await t.throwsAsync(client()(), { code: 16, message: /: the call has no proof/ });
  t.deepEqual(await client()({ authorization: "Bearer good" }), { kind: "none", transport: "tls", address: ADDRESS });
});

const HOUR_MS = 3_600_000;
const other = createAuthority("another CA");

for (const [what, issued, reason] of [
  ["of another CA", async () => clientCertificate(await other), "is not trusted: UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ["that has expired", client({ notAfter: new Date(Date.now() - HOUR_MS) }), "is not trusted: CERT_HAS_EXPIRED"],
  ["not valid yet", client({ notBefore: new Date(Date.now() + HOUR_MS) }), "is not trusted: CERT_NOT_YET_VALID"],
  ["for servers", async () => serverCertificate(await authority), "is not trusted: INVALID_PURPOSE"],
  [
    "with two URIs",
    client({
      names: [
        ["url", ID],
        ["url", "spiffe://example.org/b"],
      ],
    }),
    "has 2 URIs as names: exactly one is allowed",
  ],
  [
    "of another trust domain",
    client({ names: [["url", "spiffe://example.com/a"]] }),
    "has a SPIFFE ID of a trust domain that callers.trust_domains does not list",
  ],
] as const)
  test(`a client with a certificate ${what} gets that as the reason, also beside a good token`, async (t) => {
    const { client } = await tlsServer(t, [await authority]);
    const call = client(await issued());
    const refusal = { code: 16, message: `${REFUSED} ${reason}` };
    await t.throwsAsync(call(), refusal);
    await t.throwsAsync(call({ authorization: "Bearer good" }), refusal);
  });

function client(options: LeafOptions): () => Promise<Issued> {
  return async () => clientCertificate(await authority, options);
}

test("two proofs in one call are refused", async (t) => {
  const { client } = await tlsServer(t, [await authority]);
  const call = client(await clientCertificate(await authority));
  await t.throwsAsync(call({ authorization: "Bearer good" }), { code: 16, message: /: the call has two proofs/ });
});

test("no client can name another one's connection", async (t) => {
  const { client } = await tlsServer(t, [await authority]);
  t.deepEqual(await client(await clientCertificate(await authority))(), CERTIFIED);
  const stranger = client();
  for (const number of ["1", "2"]) await t.throwsAsync(stranger({ "signet-connection": number }), { code: 16 });
});

test("certificates are exchanged without a failed call, and connections go on", async (t) => {
  const { client, source, shakeHands, session } = await tlsServer(t, [await authority], { maxConnections: 100 });
  const certificate = await clientCertificate(await authority);
  const kept = await session(certificate);
  const call = client(certificate);
  let isOver = false;
  const load = Array.from({ length: 4 }, async () => {
    let calls = 0;
    for (; !isOver; calls++) t.deepEqual(await call(), CERTIFIED);
    return calls;
  });
  for (let round = 0; round < 5; round++) {
    const set = await newSet(await authority);
    source.set(set);
    const socket = await shakeHands();
    t.is(socket.getPeerX509Certificate()?.serialNumber, set.own.serialNumber);
    t.deepEqual(await client(certificate)(), CERTIFIED);
  }
  isOver = true;
  for (const calls of await Promise.all(load)) t.true(calls > 0);
  t.deepEqual([kept.goaways, kept.session.closed], [[], false]);
});

test("the floor is TLS 1.3, also after a reload", async (t) => {
  const { shakeHands, source } = await tlsServer(t, [await authority]);
  const tls12 = { maxVersion: "TLSv1.2" } as const;
  for (let round = 0; round < 2; round++) {
    t.is((await shakeHands()).getProtocol(), "TLSv1.3");
    await t.throwsAsync(shakeHands(tls12), { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
    source.set(await newSet(await authority));
  }
});

test("where TLS 1.2 is allowed, suites without AEAD are not, also after a reload", async (t) => {
  const { shakeHands, source } = await tlsServer(t, [await authority], { minVersion: "1.2" });
  const tls12 = { maxVersion: "TLSv1.2" } as const;
  for (let round = 0; round < 2; round++) {
    t.is((await shakeHands({ ...tls12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).getProtocol(), "TLSv1.2");
    const weak = shakeHands({ ...tls12, ciphers: "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384" });
    await t.throwsAsync(weak, { code: "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE" });
    await t.throwsAsync(shakeHands({ maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }), {
      code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    });
    source.set(await newSet(await authority));
  }
});

test("a client that does not speak HTTP/2 is cut", async (t) => {
  const { shakeHands } = await tlsServer(t, [await authority]);
  await t.throwsAsync(shakeHands({ ALPNProtocols: ["http/1.1"] }), {
    code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
  });
  const silent = (await shakeHands({ ALPNProtocols: [] })).resume();
  await waitUntil("it is cut", () => silent.closed);
  t.is(silent.bytesRead, 0);
});

test("a session is not resumed: the certificate is proven by the CAs of today", async (t) => {
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const { shakeHands } = await tlsServer(t, [await authority], { minVersion: "1.2" });
    const certificate = await clientCertificate(await authority);
    const first = await shakeHands({ ...certificate, maxVersion });
    const sessions: Buffer[] = [];
    first.on("session", (session) => sessions.push(session));
    if (maxVersion === "TLSv1.3") await waitUntil("there is a session", () => sessions.length > 0);
    const session = sessions[0] ?? first.getSession();
    t.truthy(session);
    const again = await shakeHands({ ...certificate, maxVersion, ...(session && { session }) });
    t.false(again.isSessionReused());
  }
});

test("a connection ends when its client's CA is gone, and no other one", async (t) => {
  const { client, source, session } = await tlsServer(t, [await authority, await other]);
  const [stays, goes] = [await clientCertificate(await authority), await clientCertificate(await other)];
  const [staying, leaving] = [await session(stays), await session(goes)];
  const [callStaying, callLeaving] = [client(stays), client(goes)];
  t.deepEqual([await callStaying(), await callLeaving()], [CERTIFIED, CERTIFIED]);
  source.set(await newSet(await authority));
  // Either the connection refuses it, or it finds the connection ending.
  await t.throwsAsync(callLeaving());
  await waitUntil("it ends", () => leaving.session.closed);
  await t.throwsAsync(callLeaving(), {
    code: 16,
    message: `${REFUSED} is not trusted: UNABLE_TO_VERIFY_LEAF_SIGNATURE`,
  });
  t.deepEqual(new Set(leaving.goaways), new Set([NGHTTP2_NO_ERROR]));
  t.deepEqual(await callStaying(), CERTIFIED);
  t.deepEqual([staying.goaways, staying.session.closed], [[], false]);
});

test("a connection ends when its client's certificate expires, and its calls are refused until then", async (t) => {
  let now = Date.now();
  const { client, session } = await tlsServer(t, [await authority], { now: () => now });
  const certificate = await clientCertificate(await authority, { notAfter: new Date(now + HOUR_MS) });
  const { session: kept, goaways } = await session(certificate);
  const call = client(certificate);
  t.deepEqual(await call(), CERTIFIED);
  const ended = once(kept, "close");
  now += HOUR_MS;
  // Either the connection refuses it, or it finds the connection ending.
  await t.throwsAsync(call());
  await ended;
  // Only the server's clock has moved, so that OpenSSL takes the certificate, and each new connection ends soon.
  let message = "";
  await waitUntil("a call is answered", async () => {
    message = await call().then(String, (error: Error) => error.message);
    return !message.startsWith("14 ");
  });
  t.is(message, `${REFUSED} has expired, or its CA was removed`);
  t.deepEqual(new Set(goaways), new Set([NGHTTP2_NO_ERROR]));
});

test("a client of a CA below the root is proven by what it sends, until that CA's certificate expires", async (t) => {
  let now = Date.now();
  const { client, session, source } = await tlsServer(t, [await authority], { now: () => now });
  const below = await (await authority).subordinate("below", { notAfter: new Date(now + HOUR_MS) });
  const certificate = await clientCertificate(await below.subordinate("further below"));
  t.deepEqual(await client(certificate)(), CERTIFIED);
  const incomplete = await clientCertificate({
    ...below,
    issue: async (options) => ownAlone(await below.issue(options)),
  });
  await t.throwsAsync(client(incomplete)(), {
    code: 16,
    message: `${REFUSED} is not trusted: UNABLE_TO_VERIFY_LEAF_SIGNATURE`,
  });
  const [ending, untrusted] = [await session(certificate), await session(await clientCertificate(below))];
  now += HOUR_MS;
  await once(ending.session, "close");
  now -= HOUR_MS;
  source.set(await newSet(await other));
  await waitUntil("nothing rests on the root any more", () => untrusted.session.closed);
});

function ownAlone({ cert, key }: Issued): Issued {
  return { cert: cert.slice(0, cert.indexOf("-----BEGIN", 1)), key };
}

test("connections over TLS are bounded and end at their age, as others do", async (t) => {
  const certificate = await clientCertificate(await authority);
  const bounded = await tlsServer(t, [await authority], { maxConnections: 2 });
  const sessions = await Promise.all([1, 2, 3].map(() => bounded.session(certificate)));
  await waitUntil("one was replaced", () => sessions.some(({ session }) => session.closed));
  t.deepEqual(bounded.limits, ["grpc.max_connections"]);
  const { server, session } = await tlsServer(t, [await authority], { maxConnectionAgeMs: 1_000 });
  const short = await session(certificate);
  await waitUntil("it has ended at its age", () => short.session.closed);
  await waitUntil("nothing is left", () => server.load().connections === 0);
});

test("a stop does not wait for handshakes", async (t) => {
  const start = async () => tlsServer(t, [await authority]);
  const connectSilently = async ({ server }: Awaited<ReturnType<typeof start>>): Promise<Socket> => {
    const socket = connect(Number(server.address.split(":")[1]), ADDRESS).on("error", () => {});
    t.teardown(() => socket.destroy());
    await once(socket, "connect");
    return socket.resume();
  };
  // Each handshake has five seconds, which a busy machine may stall for: then it is tried again.
  await waitUntil("a stop is over when handshakes that are older are not", async () => {
    const [stopped, other] = [await start(), await start()];
    const older = await connectSilently(other);
    await connectSilently(stopped);
    // Once another client has connected, the handshake of the one before it has begun.
    await stopped.shakeHands();
    await stopped.server.stop(60_000);
    // By then the older one would be seen to be closed.
    await other.shakeHands();
    return !older.closed;
  });
  t.pass();
});
