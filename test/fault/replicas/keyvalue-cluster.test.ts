import test from "ava";
import { raceForClaims } from "../../nats/bucket/creation-race.ts";
import { connectStore, createSurely, UNANSWERED, watching } from "../../nats/bucket/store-under-test.ts";
import { type NatsCluster, startNatsCluster } from "../../support/nats/nats-cluster.ts";
import { serialTestWithNatsCluster } from "../../support/nats/nats-server.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { waitUntil } from "../../support/wait-until.ts";

const MOST_ROUNDS = 5;
const ROUNDS = Number(process.env.RACE_ROUNDS ?? 10);

const cleanups: (() => unknown)[] = [];
let starting: Promise<NatsCluster> | undefined;
const cluster = () => {
  starting ??= startNatsCluster({ teardown: (cleanup) => void cleanups.unshift(cleanup) });
  return starting;
};
test.after.always("the cluster is stopped", async () => {
  for (const cleanup of cleanups) await cleanup();
});

/** Five stores, spread over the nodes. */
async function fiveStores(t: Parameters<typeof connectStore>[0], { urls }: NatsCluster) {
  const turned = [0, 1, 2, 3, 4].map((by) => urls.map((_, at) => urls[(at + by) % urls.length] ?? ""));
  return await Promise.all(turned.map((servers) => connectStore(t, servers, { replicas: 3, ...UNANSWERED })));
}

serialTestWithNatsCluster("of fifty creators over a cluster of three one wins each round", async (t) => {
  const random = seededRandom(t);
  const stores = await fiveStores(t, await cluster());
  await createSurely(stores[0]?.store ?? t.fail(), "race-begins");
  await raceForClaims(t, stores, ROUNDS, random);
});

for (const [fault, rounds] of [
  ["killed", 2],
  ["paused", 1],
] as const) {
  serialTestWithNatsCluster(
    `a leader that is ${fault}: no key is created twice, and every watch yields each once, in order`,
    async (t) => {
      const random = seededRandom(t);
      const nodes = await cluster();
      const stores = await fiveStores(t, nodes);
      const [first] = stores;
      if (first === undefined) return t.fail();
      await createSurely(first.store, `${fault}/start`);
      const watches = await Promise.all(stores.map(({ store }) => watching(t, store, `${fault}/`)));
      let creations = 0;
      const refusals: string[] = [];
      // Where a busy machine had looked away until another node led, the fault was not felt: there is one more round.
      for (let round = 0; round < rounds || (refusals.length === 0 && round < MOST_ROUNDS); round++) {
        await nodes.whole("KV_signet");
        const leader = await nodes.leaderOf("KV_signet");
        if (fault === "killed") await leader.kill9();
        else leader.pause();
        for (let index = 0; index < 3; index++) {
          const key = `${fault}/${round}-${index}`;
          const contenders = [0, 1].map(() => stores[random(0, stores.length)]?.store ?? first.store);
          const outcomes = await Promise.all(contenders.map((store) => createSurely(store, key)));
          refusals.push(...outcomes.flatMap((outcome) => outcome.refusals));
          t.true(outcomes.filter(({ won }) => won).length <= 1, key);
          creations++;
        }
        if (fault === "killed") await leader.restart();
        else leader.resume();
      }
      await createSurely(first.store, `${fault}/end`);
      for (const watch of watches) {
        await waitUntil("the end is yielded", () => watch.keys().includes(`${fault}/end`));
        t.deepEqual(watch.keys().length, creations + 2);
        t.is(new Set(watch.keys()).size, creations + 2, "each once");
        t.deepEqual(
          watch.revisions(),
          watch.revisions().toSorted((left, right) => left - right),
        );
      }
      t.true(refusals.length > 0, "the fault was felt");
      t.deepEqual(new Set(refusals), new Set(["UNAVAILABLE"]));
    },
  );
}
