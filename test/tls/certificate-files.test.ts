import { X509Certificate } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import test, { type ExecutionContext } from "ava";
import { openCertificateFiles } from "../../src/tls/certificate-files.ts";
import { createAuthority, type Issued, serverCertificate } from "../support/tls/certificates.ts";
import { replace, type TlsFiles, tlsFiles } from "../support/tls/tls-files.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A source of these files, with the serial numbers of the sets that it used and the refusals that it reported. */
async function openFiles(t: ExecutionContext, files: TlsFiles, now: () => number = Date.now) {
  const [used, refused]: [string[], string[]] = [[], []];
  const onRefused = (error: unknown) => refused.push((error as Error).message);
  const source = await openCertificateFiles("grpc.tls", files, now, { onUse: () => {}, onRefused });
  source.onChange(({ own }) => used.push(own.serialNumber));
  t.teardown(() => source.stop());
  return { source, used, refused };
}

function serialOf({ cert }: Issued): string {
  return new X509Certificate(cert).serialNumber;
}

for (const order of [
  ["cert", "key"],
  ["key", "cert"],
] as const)
  test(`a pair is exchanged, ${order[0]} first: the half-written one is refused, and the old one stays`, async (t) => {
    const files = await tlsFiles(t);
    const { source, used, refused } = await openFiles(t, files);
    const old = source.current.own.serialNumber;
    const next = await serverCertificate(files.authority);
    await replace(files, next, order.slice(0, 1));
    await waitUntil("the half is refused", () => refused.length > 0);
    t.is(refused[0], `grpc.tls.key (${files.key}) is not the private key of grpc.tls.cert (${files.cert})`);
    t.is(source.current.own.serialNumber, old);
    await replace(files, next, order.slice(1));
    await waitUntil("the pair is used", () => used.length > 0);
    t.deepEqual(used, [serialOf(next)]);
    t.is(source.current.own.serialNumber, serialOf(next));
  });

test("an expired pair and a CA that can't be read are refused together, and the old set stays", async (t) => {
  const files = await tlsFiles(t);
  const { source, used, refused } = await openFiles(t, files);
  const { own } = source.current;
  await writeFile(files.clientCa, "hunter2");
  await replace(files, await serverCertificate(files.authority, { notAfter: new Date(Date.now() - 1000) }));
  await waitUntil("both are refused", () => refused.some((text) => /client_ca .*; .* expired at /.test(text)));
  t.notRegex(refused.join("\n"), /hunter2/);
  t.is(source.current.own, own);
  t.deepEqual(used, []);
});

test("a private key that others may read is refused, at the start as well as later", async (t) => {
  const files = await tlsFiles(t);
  const { refused } = await openFiles(t, files);
  await chmod(files.key, 0o644);
  await writeFile(files.key, (await serverCertificate(files.authority)).key);
  await waitUntil("it is refused", () => refused.some((text) => text.startsWith(`${files.key} has mode 0644`)));
  await t.throwsAsync(openFiles(t, files), { code: "EXPOSED" });
});

test("at the start, a set that can't be used is an error that names its files", async (t) => {
  const files = await tlsFiles(t);
  await writeFile(files.clientCa, (await serverCertificate(files.authority)).cert);
  await t.throwsAsync(openFiles(t, files), {
    code: "UNUSABLE_CERTIFICATES",
    message: `grpc.tls.client_ca (${files.clientCa}) holds a certificate that is no CA's; grpc.tls.client_ca (${files.clientCa}) holds no root certificate, which is signed by itself, that is valid now`,
  });
  await t.throwsAsync(openFiles(t, { ...files, cert: `${files.cert}.missing` }), { code: "ENOENT" });
});

test("a new CA makes a new set, with the pair as it was", async (t) => {
  const files = await tlsFiles(t);
  const { source, used } = await openFiles(t, files);
  const { own } = source.current;
  const other = await createAuthority("other");
  await writeFile(files.clientCa, other.cert);
  await waitUntil("it is used", () => used.length > 0);
  t.is(source.current.own.serialNumber, own.serialNumber);
  t.deepEqual(
    source.current.authorities.map(String),
    [other.cert.trim()].map((pem) => `${new X509Certificate(pem)}`),
  );
});
