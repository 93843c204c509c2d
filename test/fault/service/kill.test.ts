import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { status } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { readIdentity } from "../../../src/audit/spool/identity.ts";
import { EMPTY_EDGE, rootOf } from "../../../src/audit/tree/edge.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { logOf, tokensBeforeTheirKey, trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { type NatsServer, serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { type Load, startLoad } from "../../support/service/load.ts";
import { allForwarded, signalThatEnded, startRemote } from "../../support/service/remote-service.ts";
import { issue } from "../../support/service/service.ts";

const KILLING_SERVICE = fileURLToPath(import.meta.resolve("./killing-service.ts"));
const IN_FLIGHT = 16;

interface Place {
  readonly data: string;
  readonly nats: NatsServer;
}

async function newPlace(t: ExecutionContext<unknown>): Promise<Place> {
  return { data: await tempFolder(t), nats: await startNats(t) };
}

/** Issues until the service kills itself. Returns the id of every token that was answered. */
async function issueUntilKilled(
  t: ExecutionContext<unknown>,
  { data, nats }: Place,
  { step, number, meanwhile }: { step: string; number: number; meanwhile?: (load: Load) => Promise<void> },
): Promise<string[]> {
  const answered: string[] = [];
  const service = await startRemote(t, {
    data,
    env: { SIGNET_NATS_URL: nats.url },
    program: KILLING_SERVICE,
    args: [step, String(number)],
  });
  const load = startLoad(IN_FLIGHT, async () => answered.push((await issue(service)).tokenId));
  await meanwhile?.(load);
  const failures = await load.ended;
  t.deepEqual(new Set(failures.map(codeOf)), new Set([status.UNAVAILABLE]));
  t.is(await signalThatEnded(service), "SIGKILL");
  return answered;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}

/** Starts the service again as it is, lets it forward all that it holds, and looks for what is wrong with the trail. */
async function faultsAfterRestart(t: ExecutionContext<unknown>, { data, nats }: Place, answered: readonly string[]) {
  const service = await startRemote(t, { data, env: { SIGNET_NATS_URL: nats.url } });
  const { tokenId } = await issue(service);
  await allForwarded(service);
  t.is(await service.process.stop(), 0);
  const trail = await trailOf(nats);
  const { writer = "", edge = EMPTY_EDGE } = (await readIdentity(join(data, "spool"))) ?? {};
  t.deepEqual(logOf(trail, writer), { size: edge.size, root: rootOf(edge).toString("base64") });
  t.deepEqual(tokensBeforeTheirKey(trail), []);
  return trailFaults(trail, [...answered, tokenId]);
}

for (const step of ["after signing", "in the middle of a slow sync", "after the sync", "after the ack"]) {
  serialTestWithNats(`killed ${step}, the service has an event of every token that it answered`, async (t) => {
    const random = seededRandom(t);
    const place = await newPlace(t);
    const answered: string[] = [];
    for (const number of [random(100, 600), random(100, 600)]) {
      const before = answered.length;
      answered.push(...(await issueUntilKilled(t, place, { step, number })));
      t.true(answered.length - before >= number - IN_FLIGHT, `${answered.length - before} answered of ${number}`);
    }
    t.deepEqual(await faultsAfterRestart(t, place, answered), {});
  });
}

serialTestWithNats(
  "killed while NATS is killed too, the service has an event of every token that it answered",
  async (t) => {
    const random = seededRandom(t);
    const place = await newPlace(t);
    const natsAt = random(100, 400);
    const answered = await issueUntilKilled(t, place, {
      step: "after the sync",
      number: natsAt + random(100, 800),
      async meanwhile(load) {
        await load.more(natsAt);
        await place.nats.kill9();
      },
    });
    await place.nats.restart();
    t.deepEqual(await faultsAfterRestart(t, place, answered), {});
  },
);

for (const step of ["before a sync that comes after the answer", "after a sync that did not happen"]) {
  serialTestWithNats(`negative control: killed ${step}, the service has lost events, and that is seen`, async (t) => {
    const random = seededRandom(t);
    const place = await newPlace(t);
    // What NATS has it may have got from memory: only what it has not shows what the disk has lost.
    await place.nats.kill9();
    const answered = await issueUntilKilled(t, place, { step, number: random(100, 600) });
    await place.nats.restart();
    // It may hold the numbers of the lost events, and then the service would not start.
    await rm(join(place.data, "spool", "acknowledged.json"), { force: true });
    const faults = await faultsAfterRestart(t, place, answered);
    t.log(`${faults.TOKEN_WITHOUT_EVENT} of ${answered.length} tokens have no event`);
    t.deepEqual(Object.keys(faults), ["TOKEN_WITHOUT_EVENT"]);
  });
}
