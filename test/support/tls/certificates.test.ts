import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { tempFolder } from "../files/temp.ts";
import {
  type Authority,
  clientCertificate,
  createAuthority,
  type Issued,
  serverCertificate,
  writeIssued,
} from "./certificates.ts";

/** Shows a certificate to a server that asks for one. Resolves with what OpenSSL says of it, undefined for a good one. */
async function verdictOn(t: ExecutionContext, authority: Authority, client: Issued): Promise<string | undefined> {
  const own = await serverCertificate(authority);
  const server = createServer({ ...own, ca: authority.cert, requestCert: true, rejectUnauthorized: false });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const accepted = once(server, "secureConnection");
  // The client leaves without a farewell.
  server.on("secureConnection", (socket) => socket.on("error", () => undefined));
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: "127.0.0.1", ca: authority.cert, ...client }).on("error", () => undefined);
  t.teardown(() => {
    socket.destroy();
    server.close();
  });
  const [{ authorized, authorizationError }] = (await accepted) as [TLSSocket];
  return authorized ? undefined : String(authorizationError);
}

test("OpenSSL takes a client's certificate, and says what is wrong with another one", async (t) => {
  const authority = await createAuthority();
  const [past, future] = [new Date(Date.now() - 60_000), new Date(Date.now() + 60_000)];
  const verdict = async (client: Promise<Issued>) => verdictOn(t, authority, await client);
  t.is(await verdict(clientCertificate(authority)), undefined);
  t.is(await verdict(clientCertificate(authority, { notAfter: past })), "CERT_HAS_EXPIRED");
  t.is(await verdict(clientCertificate(authority, { notBefore: future })), "CERT_NOT_YET_VALID");
  t.is(await verdict(serverCertificate(authority)), "INVALID_PURPOSE");
  t.is(await verdict(clientCertificate(await createAuthority("another CA"))), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});

test("a written private key is closed to other users", async (t) => {
  const { key } = await writeIssued(await tempFolder(t), "client", await clientCertificate(await createAuthority()));
  t.notThrows(() => createPrivateKey(readFileSync(key)));
  t.is(statSync(key).mode & 0o777, 0o600);
});
