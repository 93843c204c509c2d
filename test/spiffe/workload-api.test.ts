import { createPrivateKey, X509Certificate } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { X509SVIDResponse } from "../../src/gen/spiffe/workloadapi.ts";
import { SpiffeError } from "../../src/spiffe/spiffe-error.ts";
import { createWorkloadApi } from "../../src/spiffe/workload-api.ts";
import { svidOf, type X509Svid } from "../../src/spiffe/x509-svid.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startWorkloadApi, svidMessage } from "../support/spiffe/workload-api.ts";
import { createAuthority, serverCertificate } from "../support/tls/certificates.ts";
import { waitUntil } from "../support/wait-until.ts";

const ID = "spiffe://example.org/signet";

/** What the stream of SVIDs has brought so far. */
function follow(t: ExecutionContext, socket: string): { readonly svids: X509Svid[]; readonly errors: unknown[] } {
  const api = createWorkloadApi(socket);
  const stopping = new AbortController();
  const seen = { svids: [] as X509Svid[], errors: [] as unknown[] };
  const onMessage = (message: X509SVIDResponse): void => void seen.svids.push(svidOf(message));
  const following = api.followX509Svids({ onMessage, onError: (error) => seen.errors.push(error) }, stopping.signal);
  t.teardown(async () => {
    stopping.abort();
    await following;
    api.close();
  });
  return seen;
}

function codesOf(errors: readonly unknown[]): string[] {
  return [...new Set(errors.map((error) => (error instanceof SpiffeError ? error.code : String(error))))];
}

test("the identity comes with its key, its chain and the bundle, and again when it changes", async (t) => {
  const server = await startWorkloadApi(t);
  const authority = await createAuthority();
  const [first, second] = [await serverCertificate(authority), await serverCertificate(authority)];
  server.sendSvids(svidMessage(ID, first, [authority], authority.cert));
  const { svids, errors } = follow(t, server.socket);
  await waitUntil("the first SVID is there", () => svids.length === 1);
  server.sendSvids(svidMessage(ID, second, [authority]));
  await waitUntil("the second SVID is there", () => svids.length === 2);
  for (const [index, issued] of [first, second].entries()) {
    const svid = svids[index];
    t.is(svid?.id, ID);
    t.is(new X509Certificate(svid?.cert ?? "").toString(), new X509Certificate(issued.cert).toString());
    t.true(new X509Certificate(issued.cert).checkPrivateKey(createPrivateKey(svid?.key ?? "")));
    t.is(new X509Certificate(svid?.ca ?? "").toString(), new X509Certificate(authority.cert).toString());
  }
  t.is(svids[0]?.cert?.toString().match(/BEGIN CERTIFICATE/g)?.length, 2, "the chain");
  t.deepEqual(errors, []);
});

test("an agent that restarts is found again, and one that is not there yet is waited for", async (t) => {
  const server = await startWorkloadApi(t);
  const authority = await createAuthority();
  await server.stop();
  const { svids, errors } = follow(t, server.socket);
  await waitUntil("the outage is reported", () => errors.length > 0);
  server.sendSvids(svidMessage(ID, await serverCertificate(authority), [authority]));
  await server.restart();
  await waitUntil("the SVID is there", () => svids.length === 1);
  await server.stop();
  await server.restart();
  await waitUntil("it is there again", () => svids.length === 2);
  t.deepEqual(codesOf(errors), ["UNREACHABLE"]);
});

test("a process without an identity asks again until it has one", async (t) => {
  const server = await startWorkloadApi(t);
  const authority = await createAuthority();
  const { svids, errors } = follow(t, server.socket);
  await waitUntil("the refusal is reported", () => errors.length > 0);
  t.deepEqual(codesOf(errors), ["DENIED"]);
  server.sendSvids(svidMessage(ID, await serverCertificate(authority), [authority]));
  await waitUntil("the SVID is there", () => svids.length === 1);
});

test("no socket at all is an outage that names it", async (t) => {
  const socket = `unix:${await tempFolder(t)}/none.sock`;
  const { errors } = follow(t, socket);
  await waitUntil("the outage is reported", () => errors.length > 0);
  t.is((errors[0] as Error).message, `the SPIFFE Workload API at ${socket} can't be read: UNAVAILABLE`);
});

for (const [what, change, message] of [
  ["no certificate", { x509Svid: Buffer.alloc(0) }, /lacks a certificate$/],
  ["no bundle", { bundle: Buffer.alloc(0) }, /lacks a certificate$/],
  ["a chain that is cut", { x509Svid: Buffer.from("3082ffff00", "hex") }, /holds something that is no certificate$/],
  ["no DER", { x509Svid: Buffer.from("0203010001", "hex") }, /holds something that is no certificate$/],
  ["a length without an end", { bundle: Buffer.from("3080", "hex") }, /holds a length that is not DER$/],
  [
    "a length of eight bytes",
    { bundle: Buffer.from("30880000000000000001", "hex") },
    /holds a length that is not DER$/,
  ],
] as const)
  test(`a message with ${what} is refused`, async (t) => {
    const authority = await createAuthority();
    const good = svidMessage(ID, await serverCertificate(authority), [authority]);
    const [svid] = good.svids;
    const bad = X509SVIDResponse.fromPartial({ svids: [{ ...svid, ...change }] });
    t.throws(() => svidOf(bad), { instanceOf: SpiffeError, code: "BAD_SVID", message });
  });

test("a message without an SVID is refused", (t) => {
  t.throws(() => svidOf(X509SVIDResponse.fromPartial({})), { code: "BAD_SVID", message: /has no SVID$/ });
});
