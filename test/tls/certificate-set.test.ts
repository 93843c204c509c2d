import { X509Certificate } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { authorityValidity, CertificateError, checkCertificates, ownValidity } from "../../src/tls/certificate-set.ts";
import { type Authority, clientCertificate, createAuthority, serverCertificate } from "../support/tls/certificates.ts";

const NAMES = { cert: "CERT", key: "KEY", ca: "CA" };
const DAY_MS = 86_400_000;
const authority = createAuthority();

/** The set that these texts make now, in days. */
function check({ cert, key, ca }: { cert: string; key: string; ca?: string }, inDays = 0) {
  const files = { cert: Buffer.from(cert), key: Buffer.from(key), ...(ca !== undefined && { ca: Buffer.from(ca) }) };
  return checkCertificates(files, NAMES, Date.now() + inDays * DAY_MS);
}

/** From when until when a certificate counts, in Unix milliseconds. */
function validityOf(pem = "") {
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return { notBefore: validFromDate.getTime(), expires: validToDate.getTime() };
}

/** What is said of these CAs of a listener, in days from now. */
async function validityOfAll(authorities: readonly Authority[], days = 0) {
  const ca = authorities.map(({ cert }) => cert).join("\n");
  const set = check({ ...(await serverCertificate(await authority)), ca });
  return authorityValidity(set, Date.now() + days * DAY_MS);
}

const inDays = (days: number) => ({ notAfter: new Date(Date.now() + days * DAY_MS) });

function faultOf(t: ExecutionContext, ...set: Parameters<typeof check>): string {
  const error = t.throws(() => check(...set), { instanceOf: CertificateError });
  return error?.message ?? "";
}

test("a pair with its CA is a set, with the validity of both", async (t) => {
  const ca = await authority;
  const pair = await serverCertificate(ca);
  const set = check({ ...pair, ca: ca.cert });
  t.deepEqual(ownValidity(set), validityOf(pair.cert));
  t.deepEqual(authorityValidity(set, Date.now()), validityOf(ca.cert));
  t.is(authorityValidity(check(pair), Date.now()), undefined);
});

test("CAs expire when the first does of those that have not yet", async (t) => {
  const expired = await createAuthority("a", inDays(-0.5));
  const [last, first] = [await createAuthority("b", inDays(3)), await createAuthority("c", inDays(2))];
  const all = [expired, last, first];
  t.deepEqual(await validityOfAll(all), validityOf(first.cert));
  t.deepEqual(await validityOfAll(all, 2.5), validityOf(last.cert));
  t.deepEqual(await validityOfAll(all, 4), validityOf(expired.cert), "no CA is left");
});

test("a CA with a newer one beside it, of its name or its trust domain, does not count", async (t) => {
  const replaced = [await createAuthority("a", inDays(1)), await createAuthority("a", inDays(3))] as const;
  t.deepEqual(await validityOfAll(replaced), validityOf(replaced[1].cert));
  const other = await createAuthority("b", inDays(2));
  t.deepEqual(await validityOfAll([...replaced, other]), validityOf(other.cert));
  const spiffe = (name: string, days: number, id: string) =>
    createAuthority(name, { ...inDays(days), names: [["url", id]] });
  const domain = [await spiffe("1", 1, "spiffe://example.org"), await spiffe("2", 3, "spiffe://example.org")] as const;
  t.deepEqual(await validityOfAll(domain), validityOf(domain[1].cert));
  const another = await spiffe("1", 2, "spiffe://other.example");
  t.deepEqual(await validityOfAll([...domain, another]), validityOf(another.cert));
});

test("a key of another certificate, as in a set that is half written, is a fault", async (t) => {
  const [one, other] = [await serverCertificate(await authority), await serverCertificate(await authority)];
  t.is(faultOf(t, { cert: one.cert, key: other.key }), "KEY is not the private key of CERT");
});

test("a certificate outside of its dates is a fault", async (t) => {
  const pair = await serverCertificate(await authority);
  t.regex(faultOf(t, pair, 2), /^CERT expired at 20\d\d-/);
  t.regex(faultOf(t, pair, -2), /^CERT is not valid before 20\d\d-/);
});

test("an intermediate certificate counts as the server's own: clients trust neither once one has expired", async (t) => {
  const { cert, key } = await serverCertificate(await authority);
  const until = (ms: number) => createAuthority("intermediate", { notAfter: new Date(Date.now() + ms) });
  const withIntermediate = (other: string) => ({ cert: cert + other, key });
  t.regex(
    faultOf(t, withIntermediate((await until(-1000)).cert)),
    /^CERT holds an intermediate certificate that expired at 20\d\d-/,
  );
  const next = await until(DAY_MS / 2);
  t.deepEqual(ownValidity(check(withIntermediate(next.cert))), validityOf(next.cert));
});

test("a client's certificate is no server's", async (t) => {
  const fault = "CERT is not a server's: its extended key usage lacks serverAuth";
  t.is(faultOf(t, await clientCertificate(await authority)), fault);
  const forEverything = await serverCertificate(await authority, { usages: [] });
  t.notThrows(() => check(forEverything));
});

test("all faults of a set come together, and none quotes a file", async (t) => {
  t.is(
    faultOf(t, { cert: "hunter2", key: "hunter2", ca: (await serverCertificate(await authority)).cert }),
    "CERT must hold certificates in PEM (-----BEGIN CERTIFICATE-----); " +
      "KEY must hold a private key in PEM, without a passphrase; CA holds a certificate that is no CA's; " +
      "CA holds no root certificate, which is signed by itself, that is valid now",
  );
});

test("OpenSSL gets every CA of a file that lacks line breaks between them", async (t) => {
  const [one, other] = [await authority, await createAuthority("other")];
  const { files } = check({ ...(await serverCertificate(one)), ca: one.cert.trimEnd() + other.cert });
  t.is(String(files.ca).match(/^-----BEGIN/gm)?.length, 2);
});

test("an expired CA among good ones is passed over, and is a fault alone", async (t) => {
  const good = await authority;
  const pair = await serverCertificate(good);
  const expired = await createAuthority("expired", { notAfter: new Date(Date.now() - 1000) });
  t.notThrows(() => check({ ...pair, ca: expired.cert + good.cert }));
  const fault = "CA holds no root certificate, which is signed by itself, that is valid now";
  t.is(faultOf(t, { ...pair, ca: expired.cert }), fault);
});

test("a key that OpenSSL takes for too weak is a fault before a client meets it", async (t) => {
  const weak = await serverCertificate(await authority, { isWeak: true });
  t.is(faultOf(t, weak), "OpenSSL does not take CERT: ERR_SSL_EE_KEY_TOO_SMALL");
});
