import { credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { TokenServiceClient } from "../../src/gen/signet/v1/token.ts";
import { openPolicy } from "../support/access/policies.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startLoad } from "../support/service/load.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, startService } from "../support/service/service.ts";
import { spawnService } from "../support/service/service-process.ts";
import { startWorkloadApi, svidMessage } from "../support/spiffe/workload-api.ts";
import { type Authority, clientCertificate, createAuthority, type Issued } from "../support/tls/certificates.ts";
import { OWN_CONNECTION } from "../support/tls/tls-service.ts";
import { claimsOf } from "../support/tokens/foreign-token.ts";
import { waitUntil } from "../support/wait-until.ts";

const SIGNET = "spiffe://example.org/signet";
const CALLER = "spiffe://example.org/a";

/** The identity of the service: with a DNS name, for clients that do not know SPIFFE. */
function identity(authority: Authority, id = SIGNET): Promise<Issued> {
  return authority.issue({
    names: [
      ["url", id],
      ["dns", "localhost"],
      ["ip", "127.0.0.1"],
    ],
  });
}

async function spiffeEnv(t: ExecutionContext, socket: string): Promise<Record<string, string>> {
  return {
    SIGNET_ACCESS_POLICY: await openPolicy(t, [CALLER]),
    SIGNET_GRPC_TLS_SOURCE: "spiffe",
    SIGNET_CALLERS_TRUST_DOMAINS: "example.org",
    SIGNET_SPIFFE_SOCKET: socket,
  };
}

/** A caller with an identity of one authority, who trusts those of all of them. */
async function caller(t: ExecutionContext, address: string, authority: Authority, trusted: readonly Authority[]) {
  const { cert, key } = await clientCertificate(authority, { names: [["url", CALLER]] });
  const cas = Buffer.from(trusted.map((one) => one.cert).join("\n"));
  const channel = credentials.createSsl(cas, Buffer.from(key), Buffer.from(cert));
  const tokens = new TokenServiceClient(address, channel, OWN_CONNECTION);
  t.teardown(() => tokens.close());
  return { tokens };
}

test("identity and bundle of the service come from the Workload API, and are rotated under load without a failed call", async (t) => {
  const agent = await startWorkloadApi(t);
  const [old, next] = [await createAuthority("Old CA"), await createAuthority("Next CA")];
  agent.sendSvids(svidMessage(SIGNET, await identity(old), [old]));
  const service = await spawnService(t, { data: await tempFolder(t), env: await spiffeEnv(t, agent.socket) });
  const reloads = (): number => service.log.filter(({ event }) => event === "certificates.reloaded").length;
  const both = [old, next];
  const before = await caller(t, service.grpc, old, both);
  t.is(claimsOf((await issue(before)).token).client_id, CALLER);
  const load = startLoad(4, () => issue(before));

  // As SPIRE does it: the new CA is trusted, then it signs.
  for (const [round, [authority, bundle]] of (
    [
      [old, [old]],
      [old, both],
      [next, both],
    ] as const
  ).entries()) {
    agent.sendSvids(svidMessage(SIGNET, await identity(authority), bundle));
    await waitUntil("the new set is in use", () => reloads() === round + 1);
    await load.more(20);
    await issue(await caller(t, service.grpc, old, both));
  }
  const after = await caller(t, service.grpc, next, [next]);
  await issue(after);

  await agent.stop();
  await load.more(20);
  await issue(await caller(t, service.grpc, next, [next]));
  await agent.restart();
  await waitUntil("the agent is found again", () => reloads() >= 4);
  await load.stop();

  // A CA that is gone proves nobody any more.
  agent.sendSvids(svidMessage(SIGNET, await identity(next), [next]));
  await waitUntil("the old CA is gone", () => reloads() >= 5);
  t.is((await failureOf(issue(await caller(t, service.grpc, old, both)))).code, "UNAUTHENTICATED");
  await issue(after);
});

test("an identity that can't be used leaves the last good one in force, with a warning", async (t) => {
  const agent = await startWorkloadApi(t);
  const [authority, other] = [await createAuthority(), await createAuthority()];
  agent.sendSvids(svidMessage(SIGNET, await identity(authority), [authority]));
  const service = await spawnService(t, { data: await tempFolder(t), env: await spiffeEnv(t, agent.socket) });
  const client = () => caller(t, service.grpc, authority, [authority]);
  const { key } = await identity(authority);
  const expired = await authority.issue({ names: [["url", SIGNET]], notAfter: new Date(Date.now() - 1000) });
  for (const [bad, message] of [
    [svidMessage(SIGNET, { ...(await identity(authority)), key }, [authority]), "is not the private key of"],
    [svidMessage(SIGNET, expired, [authority]), "expired at"],
    [svidMessage("spiffe://example.com/signet", await identity(other), [other]), "is of another trust domain"],
  ] as const) {
    agent.sendSvids(bad);
    await waitUntil(message, () =>
      service.log.some((line) => line.event === "certificates.refused" && JSON.stringify(line).includes(message)),
    );
    await t.notThrowsAsync(issue(await client()), message);
  }
});

test("a service without an identity does not start, and says why", async (t) => {
  const agent = await startWorkloadApi(t);
  await t.throwsAsync(startService(t, { env: await spiffeEnv(t, agent.socket) }), {
    code: "UNUSABLE_CERTIFICATES",
    message: `the SPIFFE Workload API at ${agent.socket} has no identity for this process`,
  });
});
