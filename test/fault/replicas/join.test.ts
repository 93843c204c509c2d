import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { look, watchRings } from "../../support/replicas/ring-witness.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { get } from "../../support/service/get.ts";
import { nextRotation } from "../../support/service/key-calls.ts";
import { startLoad } from "../../support/service/load.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { waitUntil } from "../../support/wait-until.ts";

serialTestWithNats(
  "a replica that joins or restarts while keys rotate is ready with the ring of the others, and never makes its own",
  async (t) => {
    boundByRounds(t);
    const random = seededRandom(t);
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url]);
    const running = await set.startAll(2);
    const [one] = running;
    if (one === undefined) return;
    const witness = watchRings(running);
    const tokens: string[] = [];
    const load = startLoad(1, async () => {
      tokens.push((await issueShort(one)).token);
      await pause(10);
    });
    const joined: Replica[] = [];
    for (let round = 0; round < rounds(3); round++) {
      const { nextAt } = await nextRotation(one);
      // A start takes about a second: some are over before the next key signs, some are not.
      await pause(Math.max(0, nextAt - Date.now() - random(0, 2_000)));
      // Every other one has been there before, and comes with what it remembers.
      const newcomer = await set.start(round % 2 === 0 ? `joins-${round}` : `joins-${round - 1}`);
      await untilReady(newcomer);
      t.deepEqual(await badVerdicts([newcomer], tokens.slice(-20)), {}, `round ${round}`);
      const { token } = await issueShort(newcomer);
      t.deepEqual(await badVerdicts(running, [token]), {}, `round ${round}`);
      joined.push(newcomer);
      await newcomer.process.kill9();
    }
    await load.stop();
    t.deepEqual(await witness.stop(), {});
    const own = joined.flatMap(({ process }) =>
      process.log.filter(({ event, reason }) => event === "keys.rotated" && reason === "first"),
    );
    t.deepEqual(own, []);
  },
);

serialTestWithNats(
  "a replica without the store and without a snapshot waits, makes nothing, and has the ring when the store is back",
  async (t) => {
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    const set = await replicaSet(t, [nats.url, proxy.url]);
    const [one] = await set.startAll(1);
    if (one === undefined) return;
    proxy.cut();
    const newcomer = await set.start("newcomer");
    t.regex(await newcomer.waitsFor(), /the shared state/);
    t.is((await get(`${newcomer.url}/.well-known/jwks.json`)).status, 503);
    t.is((await failureOf(issueShort(newcomer))).reason, "KEYS_UNAVAILABLE");
    proxy.heal();
    await untilReady(newcomer);
    await untilAlike(newcomer, one);
    t.deepEqual(await badVerdicts([one], [(await issueShort(newcomer)).token]), {});
  },
);

serialTestWithNats("where no replica may make the first ring, each waits until one may", async (t) => {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], {}, { SIGNET_STATE_FIRST_START: "false" });
  const waiting = await set.start("waiting");
  await waitUntil("it says what it waits for", async () => /first_start/.test(await waiting.waitsFor()));
  const first = await set.start("first", { SIGNET_STATE_FIRST_START: "true" });
  await Promise.all([first, waiting].map(untilReady));
  await untilAlike(waiting, first);
  t.pass();
});

serialTestWithNats(
  "negative control: with a state of its own a replica makes its own ring, and the tokens of others are unknown to it",
  async (t) => {
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url]);
    const [one] = await set.startAll(1);
    const own = await set.start("own", { SIGNET_STATE_STORE: "file" });
    if (one === undefined) return;
    await untilReady(own);
    t.deepEqual(await badVerdicts([own], [(await issueShort(one)).token]), { "UNKNOWN_KEY on own": 1 });
  },
);

/** Resolves when both have the same keys. Where a rotation comes between two looks, the next ones tell. */
function untilAlike(one: Replica, other: Replica): Promise<void> {
  return waitUntil("both replicas have the same keys", async () =>
    isDeepStrictEqual((await look(one)).kids, (await look(other)).kids),
  );
}
