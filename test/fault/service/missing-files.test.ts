import { existsSync } from "node:fs";
import { chmod, copyFile, readdir, readlink, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { RejectionReason } from "../../../src/gen/signet/v1/token.ts";
import { ISSUING } from "../../../src/grpc/standard/health.ts";
import { mountSmallDisk, testWithSmallDisk } from "../../support/files/small-disk.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { get } from "../../support/service/get.ts";
import { healthClient } from "../../support/service/health.ts";
import { startLoad } from "../../support/service/load.ts";
import { allForwarded, type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { issue, startService, verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const WORKERS = 4;

const removeSegments = async (spool: string) => {
  for (const name of await readdir(spool)) if (name.endsWith(".segment")) await rm(join(spool, name));
};

/** A service whose events NATS does not take yet, under load; `answered` are the ids of the tokens that callers have. */
async function startUnderLoad(t: ExecutionContext) {
  const nats = await startNats(t);
  const data = join(await tempFolder(t), "data");
  const service = await startRemote(t, { data, env: { SIGNET_NATS_URL: nats.url } });
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  await allForwarded(service);
  nats.pause();
  const answered: string[] = [];
  const load = startLoad(WORKERS, async () => void answered.push((await issue(service)).tokenId));
  await load.more(50);
  const spool = join(service.data, "spool");
  return { nats, service, statuses, answered, load, spool };
}

const readyText = async ({ url }: Pick<RemoteService, "url">) => (await get(`${url}/readyz`)).text();

for (const [what, takeAway] of Object.entries({
  "its segments unlinked": removeSegments,
  "its spool renamed": (spool: string) => rename(spool, `${spool}.away`),
  "its data folder renamed": (spool: string) => rename(join(spool, ".."), join(spool, "..", "..", "data.away")),
})) {
  testWithNats(`a service with ${what} while it runs answers no more calls, and a kill loses no event`, async (t) => {
    const { nats, service, statuses, answered, load, spool } = await startUnderLoad(t);
    const { token } = await issue(service);
    await takeAway(spool);
    const failures = await load.ended;
    t.deepEqual(
      failures.map((error) => (error as { code: number }).code),
      Array(WORKERS).fill(14),
    );
    t.regex(await readyText(service), /^waits for storage for the audit log: .* was removed, moved or replaced/);
    await waitUntil("issuing is not served", () => statuses.at(-1) === "NOT_SERVING");
    t.is((await verify(service, token)).rejection, undefined, "verifying goes on");
    nats.resume();
    await allForwarded(service);
    await service.process.kill9();
    t.deepEqual(trailFaults(await trailOf(nats), answered), {});
  });
}

testWithNats("a spool that is renamed back is used again, without a call and without a restart", async (t) => {
  const { nats, service, statuses, answered, load, spool } = await startUnderLoad(t);
  await rename(spool, `${spool}.away`);
  await load.ended;
  await rename(`${spool}.away`, spool);
  await waitUntil("issuing is served again", () => statuses.at(-1) === "SERVING");
  answered.push((await issue(service)).tokenId);
  nats.resume();
  await allForwarded(service);
  t.is(await service.process.stop(), 0);
  t.deepEqual(trailFaults(await trailOf(nats), answered), {});
});

testWithSmallDisk("a file system that is mounted over the spool stops issuing until it is unmounted", async (t) => {
  const service = await startService(t);
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  const { token } = await issue(service);
  const spool = join(service.data, "spool");
  const unmount = mountSmallDisk(t, spool, 16 << 20);
  await t.throwsAsync(issue(service), { code: 14 });
  t.is((await verify(service, token)).rejection, undefined);
  t.deepEqual(await readdir(spool), [], "nothing is written to the other file system");
  unmount();
  await waitUntil("issuing is served again", () => statuses.at(-1) === "SERVING");
  await t.notThrowsAsync(issue(service));
});

test("a service without a call notices within seconds that its identity is gone, and puts it back", async (t) => {
  const service = await startRemote(t, { data: await tempFolder(t) });
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  const identity = join(service.data, "spool", "identity.json");
  await rm(identity);
  await waitUntil("issuing is served again", () => statuses.length >= 3);
  t.deepEqual(statuses, ["SERVING", "NOT_SERVING", "SERVING"]);
  t.true(existsSync(identity));
  await service.process.kill9();
  await t.notThrowsAsync(startRemote(t, { data: service.data }));
});

const STATE_GONE = /^waits for the state's file: \S+state\.db was removed, moved or replaced while it was in use\n$/;

test("a service whose state's file was unlinked issues and revokes nothing, and the file can be copied from the process", async (t) => {
  const service = await startRemote(t, { data: await tempFolder(t) });
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  const [kept, revoked] = [await issue(service), await issue(service)];
  await revokeTokens(service, { tokenIds: [revoked.tokenId] });
  const file = join(service.data, "state", "state.db");
  await rm(file);
  await t.throwsAsync(revokeTokens(service, { tokenIds: [kept.tokenId] }), { code: 14 });
  await waitUntil("issuing is not served", () => statuses.at(-1) === "NOT_SERVING");
  await t.throwsAsync(issue(service), { code: 14 });
  t.regex(await readyText(service), STATE_GONE);
  t.is((await verify(service, kept.token)).rejection, undefined, "verifying goes on");

  const fds = `/proc/${service.process.child.pid}/fd`;
  const links = await Promise.all((await readdir(fds)).map(async (fd) => [fd, await readlink(join(fds, fd))] as const));
  const [fd = ""] = links.find(([, target]) => target === `${file} (deleted)`) ?? [];
  await copyFile(join(fds, fd), file);
  await chmod(file, 0o600);
  t.is(await service.process.stop(), 0);
  const next = await startRemote(t, { data: service.data });
  t.is((await verify(next, kept.token)).rejection, undefined);
  t.is((await verify(next, revoked.token)).rejection?.reason, RejectionReason.REJECTION_REASON_REVOKED);
});

test("a state's file that is renamed back is used again, without a restart", async (t) => {
  const service = await startService(t);
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  const file = join(service.data, "state", "state.db");
  await rename(file, `${file}.away`);
  await waitUntil("issuing is not served", () => statuses.at(-1) === "NOT_SERVING");
  await rename(`${file}.away`, file);
  await waitUntil("issuing is served again", () => statuses.at(-1) === "SERVING");
  const { token, tokenId } = await issue(service);
  await revokeTokens(service, { tokenIds: [tokenId] });
  t.is((await verify(service, token)).rejection?.reason, RejectionReason.REJECTION_REASON_REVOKED);
});

test("a service whose socket was unlinked is not ready for new callers, and serves those that are connected", async (t) => {
  const socket = join(await tempFolder(t), "signet.sock");
  const service = await startService(t, { env: { SIGNET_GRPC_ADDRESS: `unix:${socket}` } });
  const statuses = await healthClient(t, service.app.addresses.grpc).watch(ISSUING);
  await issue(service);
  t.is(await readyText(service), "ok\n");
  await rm(socket);
  await waitUntil("the service is not ready", async () => (await readyText(service)) !== "ok\n");
  t.is(
    await readyText(service),
    `waits for a new start: ${socket} was removed, moved or replaced while it was in use\n`,
  );
  await t.notThrowsAsync(issue(service));
  t.deepEqual(statuses, ["SERVING"]);
});
