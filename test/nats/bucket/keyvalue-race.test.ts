import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { raceForClaims } from "./creation-race.ts";
import { connectStore } from "./store-under-test.ts";

const ROUNDS = Number(process.env.RACE_ROUNDS ?? 20);

testWithNats(
  "of fifty creators over five connections one wins each round, where reading first lets many win",
  async (t) => {
    const random = seededRandom(t);
    const server = await startNats(t);
    const stores = await Promise.all([1, 2, 3, 4, 5].map(() => connectStore(t, server.url)));
    await raceForClaims(t, stores, ROUNDS, random);
  },
);
