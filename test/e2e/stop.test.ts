import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import test from "ava";
import { KeyState } from "../../src/gen/signet/v1/keys.ts";
import { TokenServiceClient } from "../../src/gen/signet/v1/token.ts";
import { bodiesOf, makeSpool } from "../support/files/spool-fixture.ts";
import { tempFolder } from "../support/files/temp.ts";
import { readAuditStream, tokenIdsOf } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { get } from "../support/service/get.ts";
import { healthClient } from "../support/service/health.ts";
import { revokeKey } from "../support/service/key-calls.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue, listKeys, startService, verify } from "../support/service/service.ts";
import { type ServiceProcess, spawnService } from "../support/service/service-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const ISSUING = "signet.v1.TokenService/IssueToken";

testWithNats(
  "SIGTERM under load ends with 0; every token that left is in the stream, and only counts follow service.stopped",
  async (t) => {
    const nats = await startNats(t);
    const data = await tempFolder(t);
    const service = await startRemote(t, { data, env: { SIGNET_NATS_URL: nats.url, SIGNET_SHUTDOWN_GRACE: "60s" } });
    await issue(service);
    const left: string[] = [];
    const calls = Array.from({ length: 500 }, () =>
      issue(service).then(
        ({ tokenId }) => void left.push(tokenId),
        () => {},
      ),
    );
    await waitUntil("some tokens have left", () => left.length > 0);
    t.is(await service.process.stop(), 0);
    await Promise.all(calls);
    const events = await readAuditStream(nats.url);
    const seen = tokenIdsOf(events);
    t.deepEqual(
      left.filter((id) => !seen.includes(id)),
      [],
    );
    const last = events.findLast(({ event: { event } }) => event?.$case !== "signaturesCounted")?.event.event;
    t.deepEqual(last, { $case: "serviceStopped", value: { reason: "SIGTERM" } });
  },
);

test.serial("SIGTERM ends within its grace although a health watch and idle connections are open", async (t) => {
  const child = await spawnService(t, {
    data: await tempFolder(t),
    env: { SIGNET_SHUTDOWN_DRAIN: "50ms", SIGNET_SHUTDOWN_GRACE: "500ms" },
  });
  const seen = await healthClient(t, child.grpc).watch("");
  for (const address of [child.grpc, child.http]) {
    const [host = "", port] = address.split(":");
    const idle = connect(Number(port), host).on("error", () => {});
    t.teardown(() => idle.destroy());
    await once(idle, "connect");
  }
  t.is(await child.stop(), 0);
  await waitUntil("the stream was cut", () => seen.includes("CUT"));
  t.deepEqual(seen, ["SERVING", "NOT_SERVING", "CUT"]);
});

test.serial(
  "a running call is answered after health has changed to NOT_SERVING, and new calls are refused",
  async (t) => {
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const service = await startService(t, {
      surroundings: {
        wrapAudit: (audit) => ({
          async append(event, time) {
            if (event.type === "token.issued") {
              entered.resolve();
              await gate.promise;
            }
            return audit.append(event, time);
          },
        }),
      },
    });
    const health = healthClient(t, service.app.addresses.grpc);
    t.is(await health.check(ISSUING), "SERVING");
    const [all, issuing] = [await health.watch(""), await health.watch(ISSUING)];
    const call = issue(service);
    await entered.promise;
    const stopping = service.app.stop("SIGTERM");
    await waitUntil("health is down", () => all.length > 1 && issuing.length > 1);
    t.deepEqual([all[1], issuing[1]], ["NOT_SERVING", "NOT_SERVING"]);
    const [host = "", port] = service.app.addresses.grpc.split(":");
    const refused = connect(Number(port), host);
    const [error] = await once(refused, "error");
    // Reset, if the system had taken it in just before the service stopped to listen.
    t.regex((error as NodeJS.ErrnoException).code ?? "", /^(ECONNREFUSED|ECONNRESET)$/);
    gate.resolve();
    health.unwatch();
    t.regex((await call).token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    await stopping;
  },
);

test.serial(
  "while it drains, its health says that it stops and new callers are served; a second SIGTERM ends it",
  async (t) => {
    const service = await startRemote(t, { data: await tempFolder(t), env: { SIGNET_SHUTDOWN_DRAIN: "10m" } });
    const health = healthClient(t, service.process.grpc);
    const names = ["", ISSUING, "signet.v1.TokenService", "signet.v1.KeyService", "signet.v1.ProfileService"];
    for (const name of names) t.is(await health.check(name), "SERVING", name);
    const { child } = service.process;
    child.kill("SIGTERM");
    await waitUntil("/readyz says so", async () => (await get(`${service.url}/readyz`)).status === 503);
    for (const name of names) t.is(await health.check(name), "NOT_SERVING", name);
    const { token } = await issue(service);
    const late = new TokenServiceClient(service.process.grpc, credentials.createInsecure());
    t.teardown(() => late.close());
    t.true((await verify({ tokens: late }, token)).valid, "a new connection");
    t.is((await get(`${service.url}/keysets/service/jwks.json`)).status, 200);
    const { keys } = await listKeys(service, "service");
    await revokeKey(service, keys.find(({ state }) => state === KeyState.KEY_STATE_ACTIVE)?.keyId ?? "");
    // What is appended later is durable later.
    await issue(service);
    child.kill("SIGTERM");
    await once(child, "exit");
    t.is(child.exitCode, 1);
    const events = (await bodiesOf(await makeSpool(t, { folder: join(service.data, "spool") }))).map(String);
    t.is(events.filter((event) => /"keyRotated":.*"reason":"emergency"/.test(event)).length, 1, "it is recorded");
    t.deepEqual(
      service.process.log.filter(({ replica }) => replica !== service.process.log[0]?.replica),
      [],
      "every line names the replica",
    );
    t.regex(String(service.process.log[0]?.replica), /^[\da-f-]{36}$/);
  },
);

test.serial("a service that is stopped twice stops once", async (t) => {
  const service = await startService(t);
  await service.app.stop("SIGTERM");
  await t.notThrowsAsync(service.app.stop("SIGTERM"));
});

for (const [how, end] of [
  ["an orderly stop", (child: ServiceProcess) => child.stop()],
  ["kill -9", (child: ServiceProcess) => child.kill9()],
] as const) {
  test.serial(`keys survive ${how}, and a token from before it verifies after it`, async (t) => {
    const data = await tempFolder(t);
    const before = await startRemote(t, { data });
    const { token, keyId } = await issue(before);
    await end(before.process);
    const after = await startRemote(t, { data });
    t.like(await verify(after, token), { valid: true, keyId });
    t.is((await issue(after)).keyId, keyId, "the key signs on");
  });
}
