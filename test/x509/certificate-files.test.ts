import { X509Certificate } from "node:crypto";
import test from "ava";
import {
  type CertificateFiles,
  firstToExpire,
  readCertificates,
  validityFault,
} from "../../src/x509/certificate-files.ts";
import { clientCertificate, createAuthority } from "../support/tls/certificates.ts";

const NAMES = { ca: "the CA", cert: "the certificate", key: "the key" };

const read = (files: CertificateFiles) => readCertificates(files, NAMES);
const bytes = (text: string) => Buffer.from(text);

test("the CAs, the certificate and its key are read without a fault", async (t) => {
  const [one, other] = [await createAuthority("one"), await createAuthority("other")];
  const { cert, key } = await clientCertificate(one);
  const found = read({ ca: bytes(one.cert + other.cert), cert: bytes(cert + one.cert), key: bytes(key) });
  t.deepEqual(found.faults, []);
  t.deepEqual(
    found.authorities.map(({ subject }) => subject),
    ["CN=one", "CN=other"],
  );
  t.is(found.own?.issuer, "CN=one");
  t.deepEqual(read({}).faults, []);
});

test("all faults are named together, and none repeats what is in a file", async (t) => {
  const { cert, key } = await clientCertificate(await createAuthority());
  const half = (text: string) => bytes(text.slice(0, text.length / 2));
  t.deepEqual(read({ ca: bytes("secret"), cert: half(cert), key: half(key) }).faults, [
    "the CA must hold certificates in PEM (-----BEGIN CERTIFICATE-----)",
    "the certificate must hold whole certificates in PEM (-----BEGIN CERTIFICATE-----)",
    "the key must hold a private key in PEM, without a passphrase",
  ]);
});

test("certificates without a line break between them are given to OpenSSL apart", async (t) => {
  const [one, other] = [await createAuthority("one"), await createAuthority("other")];
  const { cert } = await clientCertificate(one);
  const joined = (...certificates: string[]) => bytes(certificates.map((pem) => pem.trimEnd()).join(""));
  const { pem, intermediates } = read({ ca: joined(one.cert, other.cert), cert: joined(cert, one.cert) });
  const whole = (...certificates: string[]) => certificates.map((text) => String(new X509Certificate(text))).join("");
  t.is(String(pem.ca), whole(one.cert, other.cert));
  t.is(String(pem.cert), whole(cert, one.cert));
  t.deepEqual(
    intermediates.map(({ subject }) => subject),
    ["CN=one"],
  );
});

test("a file that is half written has a fault, although it begins with a whole certificate", async (t) => {
  const [one, other] = [await createAuthority("one"), await createAuthority("other")];
  for (const written of [one.cert + other.cert.slice(0, -30), one.cert.slice(0, -30) + other.cert]) {
    const { authorities, faults } = read({ ca: bytes(written) });
    t.deepEqual(authorities, []);
    t.deepEqual(faults, ["the CA must hold whole certificates in PEM (-----BEGIN CERTIFICATE-----)"]);
  }
});

test("a key of another certificate is found", async (t) => {
  const authority = await createAuthority();
  const [{ cert }, { key }] = [await clientCertificate(authority), await clientCertificate(authority)];
  t.deepEqual(read({ cert: bytes(cert), key: bytes(key) }).faults, [
    "the key is not the private key of the certificate",
  ]);
});

test("a certificate counts from its first to its last moment", async (t) => {
  const [notBefore, notAfter] = [new Date("2026-01-01T00:00:00Z"), new Date("2026-01-11T00:00:00Z")];
  const { cert } = await clientCertificate(await createAuthority(), { notBefore, notAfter });
  const { own } = read({ cert: bytes(cert) });
  if (own === undefined) return t.fail();
  t.is(validityFault(own, notBefore.getTime() - 1), "is not valid before 2026-01-01T00:00:00.000Z");
  t.is(validityFault(own, notBefore.getTime()), undefined);
  t.is(validityFault(own, notAfter.getTime()), undefined);
  t.is(validityFault(own, notAfter.getTime() + 1), "expired at 2026-01-11T00:00:00.000Z");
  t.deepEqual(firstToExpire(own), { notBefore: notBefore.getTime(), expires: notAfter.getTime() });
});
