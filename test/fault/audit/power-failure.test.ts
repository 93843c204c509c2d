import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { loopDisk, testWithLoopDisk } from "../../support/files/loop-disk.ts";
import { freeze } from "../../support/freeze.ts";
import { trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { type NatsServer, startNats } from "../../support/nats/nats-server.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { startLoad } from "../../support/service/load.ts";
import { allForwarded, startRemote } from "../../support/service/remote-service.ts";
import { issue } from "../../support/service/service.ts";

const UNSYNCED_SERVICE = fileURLToPath(import.meta.resolve("./unsynced-service.ts"));
const WORKERS = 16;

/** The data folder that a power failure leaves, and the tokens that were answered before it. */
interface Left {
  readonly nats: NatsServer;
  readonly data: string;
  readonly answered: readonly string[];
}

/** Issues tokens while NATS is away, so that only the disk has their events, until the power fails. */
async function issueUntilPowerFails(t: ExecutionContext<unknown>, program?: string): Promise<Left> {
  const random = seededRandom(t);
  const disk = await loopDisk(t, 64);
  const nats = await startNats(t);
  await nats.kill9();
  const env = { SIGNET_NATS_URL: nats.url };
  const service = await startRemote(t, { data: join(disk.folder, "data"), env, ...(program && { program }) });
  const answered: string[] = [];
  const load = startLoad(WORKERS, async () => answered.push((await issue(service)).tokenId));
  await load.more(random(100, 600));
  // Stopped for the copy: one of a disk that changes meanwhile would be the state of no moment.
  freeze(service.process.child);
  const known = [...answered];
  const left = await disk.afterPowerFailure();
  await service.process.kill9();
  await load.ended;
  await nats.restart();
  return { nats, data: join(left, "data"), answered: known };
}

async function faultsAfterRestart(t: ExecutionContext<unknown>, { nats, data, answered }: Left) {
  const service = await startRemote(t, { data, env: { SIGNET_NATS_URL: nats.url } });
  const { tokenId } = await issue(service);
  await allForwarded(service);
  t.is(await service.process.stop(), 0);
  return trailFaults(await trailOf(nats), [...answered, tokenId]);
}

testWithLoopDisk("after a power failure the service has an event of every token that it answered", async (t) => {
  const left = await issueUntilPowerFails(t);
  t.deepEqual(await faultsAfterRestart(t, left), {});
  t.log(`${left.answered.length} tokens answered, 0 lost, up to ${WORKERS} unknown`);
});

testWithLoopDisk("negative control: without its syncs the service has lost events by then", async (t) => {
  const left = await issueUntilPowerFails(t, UNSYNCED_SERVICE);
  const faults = await faultsAfterRestart(t, left);
  t.deepEqual(Object.keys(faults), ["TOKEN_WITHOUT_EVENT"]);
  t.log(`${left.answered.length} tokens answered, ${faults.TOKEN_WITHOUT_EVENT} lost`);
});

testWithLoopDisk("what a power failure takes from NATS, the spool gives back", async (t) => {
  const random = seededRandom(t);
  const disk = await loopDisk(t, 64);
  const nats = await startNats(t, { store: disk.folder });
  const env = { SIGNET_NATS_URL: nats.url };
  const service = await startRemote(t, { env });
  const answered: string[] = [];
  const load = startLoad(WORKERS, async () => answered.push((await issue(service)).tokenId));
  await load.more(random(100, 600));
  await load.stop();
  await allForwarded(service);
  nats.pause();
  const left = await disk.afterPowerFailure();
  await nats.kill9();
  await service.process.stop();
  await nats.restart({ from: left });
  // The control: without a power failure that costs NATS events, the rest would show nothing.
  const alone = await trailOf(nats).catch(() => []);
  t.true((trailFaults(alone, answered).TOKEN_WITHOUT_EVENT ?? 0) > 0);

  const { data } = service;
  t.deepEqual(await faultsAfterRestart(t, { nats, data, answered }), {});
  t.log(`${answered.length} tokens answered, ${alone.length} events left by NATS alone, 0 lost, 0 unknown`);
});
