import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import { tempFolder } from "../../support/files/temp.ts";
import { tokensBeforeTheirKey, trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { startLoad } from "../../support/service/load.ts";
import { allForwarded, type RemoteService, startRemote } from "../../support/service/remote-service.ts";
import { issue, listKeys, verify } from "../../support/service/service.ts";
import type { spawnService } from "../../support/service/service-process.ts";

const KILLING_SERVICE = fileURLToPath(import.meta.resolve("./killing-service.ts"));
const ROUNDS = rounds(6);
const IN_FLIGHT = 4;
/** Of the profiles that ship. */
const KEYSETS = 2;

/** What clients got over all rounds. */
interface Seen {
  /** By token id. */
  readonly tokens: Map<string, string>;
  /** Of each service that became ready, its kids. */
  readonly kids: string[][];
}

testWithNats("killed at random moments, the service keeps its keys, its chain and every token's event", async (t) => {
  boundByRounds(t);
  const random = seededRandom(t);
  const nats = await startNats(t);
  const options = { data: await tempFolder(t), env: { SIGNET_NATS_URL: nats.url } };
  const seen: Seen = { tokens: new Map(), kids: [] };
  for (let round = 0; round < ROUNDS; round++) {
    // Some before they are ready, some under load.
    const [step, number] = round % 3 === 0 ? ["at any moment", random(0, 600)] : ["after the sync", random(1, 500)];
    await issueUntilKilled(t, { ...options, program: KILLING_SERVICE, args: [String(step), String(number)] }, seen);
  }
  const service = await startRemote(t, options);
  seen.kids.push(await kidsOf(service));
  t.log(`${seen.kids.length - 1} of ${ROUNDS} became ready before they were killed; ${seen.tokens.size} tokens`);
  t.true(seen.kids.length > ROUNDS / 3 && seen.tokens.size > ROUNDS);
  t.is(seen.kids[0]?.length, 3 * KEYSETS, "the signer, its successor and the standby");
  t.is(new Set(seen.kids.map(String)).size, 1, "no rotation was due: every restart finds the same keys");
  t.deepEqual(await invalid(service, [...seen.tokens.values()]), []);
  await allForwarded(service);
  t.is(await service.process.stop(), 0);
  const trail = await trailOf(nats);
  t.deepEqual(trailFaults(trail, [...seen.tokens.keys()]), {});
  t.deepEqual(tokensBeforeTheirKey(trail), []);
});

/** Runs the service until it kills itself, be it ready by then or not. */
async function issueUntilKilled(
  t: ExecutionContext<unknown>,
  options: Parameters<typeof spawnService>[1],
  { tokens, kids }: Seen,
): Promise<void> {
  const service = await startRemote(t, options).catch(killedBeforeReady);
  if (service === undefined) return;
  const load = startLoad(IN_FLIGHT, async () => {
    const { tokenId, token } = await issue(service);
    tokens.set(tokenId, token);
  });
  await kidsOf(service).then(
    (found) => kids.push(found),
    () => undefined,
  );
  await load.ended;
}

/** A service that ended by itself would have an exit code. */
function killedBeforeReady(error: unknown): undefined {
  if (!(error instanceof Error && error.message.startsWith("the service ended with null"))) throw error;
}

async function kidsOf(service: RemoteService): Promise<string[]> {
  const { keys } = await listKeys(service);
  return keys.map(({ keyId }) => keyId).toSorted();
}

/** Why tokens do not verify. */
async function invalid(service: RemoteService, tokens: readonly string[]): Promise<unknown[]> {
  const verdicts = [];
  for (let at = 0; at < tokens.length; at += 32) {
    verdicts.push(...(await Promise.all(tokens.slice(at, at + 32).map((token) => verify(service, token)))));
  }
  return verdicts.filter(({ valid }) => !valid).map(({ rejection }) => rejection?.reason);
}
