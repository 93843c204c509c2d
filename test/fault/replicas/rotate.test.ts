import { setTimeout as pause } from "node:timers/promises";
import type { ServiceError } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { type Keyring, openKeyring } from "../../../src/keys/rotating/keyring.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { makeOptions } from "../../keys/rotating/keyring-under-test.ts";
import { start } from "../../keys/rotating/ring-under-test.ts";
import { startNatsCluster } from "../../support/nats/nats-cluster.ts";
import { serialTestWithNats, serialTestWithNatsCluster, startNats } from "../../support/nats/nats-server.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet } from "../../support/replicas/replicas.ts";
import { type MadeEpoch, ringFaults } from "../../support/replicas/ring-faults.ts";
import { watchRings } from "../../support/replicas/ring-witness.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { nextRotation, planRotation, rotateKeys } from "../../support/service/key-calls.ts";
import { startLoad } from "../../support/service/load.ts";
import { readError } from "../../support/service/rich-error.ts";
import { waitUntil } from "../../support/wait-until.ts";

const REPLICAS = 5;
/** After every so many rotations by hand one comes by itself. */
const BY_HAND = 2;
const SOON_MS = 300;

serialTestWithNats("five replicas rotate in the same instant: one new epoch each time, and one ring", async (t) => {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url]);
  await rotateManyTimes(t, await set.startAll(REPLICAS));
});

serialTestWithNatsCluster("the same over a cluster of three NATS servers", async (t) => {
  const cluster = await startNatsCluster(t);
  const set = await replicaSet(t, cluster.urls, {}, { SIGNET_NATS_REPLICAS: "3" });
  await rotateManyTimes(t, await set.startAll(REPLICAS));
});

async function rotateManyTimes(t: ExecutionContext, replicas: readonly Replica[]): Promise<void> {
  boundByRounds(t);
  const random = seededRandom(t);
  const witness = watchRings(replicas);
  const tokens: string[] = [];
  const load = startLoad(1, async () => {
    const replica = replicas[random(0, replicas.length)];
    if (replica !== undefined) tokens.push((await issueShort(replica)).token);
    await pause(10);
  });
  const signers = new Set<string>([await agreedSigner(replicas, "")]);
  for (let round = 1; round <= rounds(3); round++) {
    const before = [...signers].at(-1) ?? "";
    if (round % (BY_HAND + 1) !== 0) await rotateEverywhere(t, replicas);
    signers.add(await agreedSigner(replicas, before));
  }
  await load.stop();
  t.deepEqual(await witness.stop(), {});
  t.is(signers.size, rounds(3) + 1, "every round brought one new signer");
  const highest = Math.max(...witness.sights.map(({ epoch }) => epoch));
  t.log(`${highest} epochs, ${witness.sights.length} looks, ${tokens.length} tokens`);
  t.deepEqual(await badVerdicts(replicas, tokens.slice(-500)), {});
}

/**
 * All replicas are asked at once for the same. One that is asked too late refuses. On a busy machine that may be all of
 * them: they are asked again for a later time, unless the key takes over by itself first, which is this round's
 * rotation.
 */
async function rotateEverywhere(t: ExecutionContext, replicas: readonly Replica[], soonMs = SOON_MS): Promise<void> {
  const [first] = replicas;
  if (first === undefined) return;
  const { nextKeyId, nextAt, earliestAt } = await nextRotation(first);
  const at = Math.max(earliestAt, Date.now() + soonMs);
  const answers = await Promise.all(replicas.map((replica) => keyOrRefusal(replica, new Date(at))));
  const isByItself = at > nextAt;
  const allowed = [nextKeyId, isByItself ? "INVALID_REQUEST" : "TOO_EARLY", "TOO_EARLY"];
  t.deepEqual(
    answers.filter((answer) => !allowed.includes(answer)),
    [],
  );
  if (!isByItself && !answers.includes(nextKeyId)) await rotateEverywhere(t, replicas, 2 * soonMs);
}

/**
 * Asked again, as clients do, in the moment after a key took over by itself, when its successor is not made yet, and by a
 * replica that a busy machine kept from NATS.
 */
async function keyOrRefusal(replica: Replica, at: Date): Promise<string> {
  let answer = "";
  await waitUntil(`${replica.name} has a key that waits`, async () => {
    answer = await rotateKeys(replica, { at }).then(({ keyId }) => keyId, refusalOf);
    return !["NO_SIGNING_KEY", "KEYS_UNAVAILABLE"].includes(answer);
  });
  return answer;
}

function refusalOf(error: ServiceError): string {
  const { reason, code, message } = readError(error);
  return reason ?? `${code} ${message}`;
}

/** The one key that all sign with, once it is another than `before`. */
async function agreedSigner(replicas: readonly Replica[], before: string): Promise<string> {
  let agreed = before;
  await waitUntil("all replicas sign with one new key", async () => {
    const kids = new Set(await Promise.all(replicas.map(async (replica) => (await planRotation(replica)).activeKeyId)));
    const [kid = ""] = kids;
    if (kids.size === 1 && kid !== "" && kid !== before) agreed = kid;
    return agreed !== before;
  });
  return agreed;
}

test("negative control: over a store whose creations have several winners, replicas make two rings of one epoch", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const careless = {
    ...store,
    async create(key: string, value: Uint8Array) {
      return (await store.create(key, value)) ?? (await store.get(key))?.revision;
    },
  };
  const events: MadeEpoch[] = [];
  const rings = await Promise.all(
    Array.from({ length: REPLICAS }, (_, at) => {
      const replica = `replica-${at + 1}`;
      const report = (event: { type: string; epoch?: number; added?: readonly string[] }) =>
        event.type === "epoch.created"
          ? void events.push({ replica, epoch: event.epoch ?? 0, added: event.added ?? [] })
          : undefined;
      return openKeyring(makeOptions({ store: careless, report }).options);
    }),
  );
  const sights = rings.map((ring, at) => sightOf(ring, `replica-${at + 1}`));
  t.deepEqual(ringFaults(sights, events), { EPOCH_MADE_TWICE: 1, EPOCH_WITH_TWO_RINGS: 1 });
});

function sightOf(ring: Keyring, replica: string) {
  const kids = ring.list(start).map(({ kid }) => kid);
  return { replica, epoch: ring.epoch, kids, jwks: { keys: ring.jwks(start).map((key) => ({ ...key })) } };
}
