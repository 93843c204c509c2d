import { setTimeout as pause } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import type { KeyPolicy } from "../../../src/keys/rotating/policy.ts";
import { tally } from "../../support/collect.ts";
import { type NatsServer, serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet } from "../../support/replicas/replicas.ts";
import { badVerdicts, verdictOnceKnown } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { nextRotation, revokeKey, rotateKeys } from "../../support/service/key-calls.ts";
import { startLoad } from "../../support/service/load.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { listKeys, verifyOnce } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

serialTestWithNats(
  "keys rotate under load while a replica is paused: once it runs it knows the key of every token",
  async (t) => {
    boundByRounds(t);
    const random = seededRandom(t);
    const nats = await startNats(t);
    const { one, two, third: paused } = await threeOf(t, nats);
    const tokens: string[] = [];
    const kids = new Set<string>();
    const load = startLoad(2, async () => {
      const { token, keyId } = await issueShort(random(0, 2) === 0 ? one : two);
      tokens.push(token);
      kids.add(keyId);
      await pause(5);
    });
    for (let round = 0; round < rounds(2); round++) {
      const from = tokens.length;
      paused.pause();
      await pause(random(500, 7_000));
      // Asked before it runs: what it missed and what it is asked come at once.
      const missed = tokens.slice(from).filter((_, at, all) => at % 10 === 0 || at > all.length - 10);
      const answers = Promise.all(missed.map((token) => verdictOnceKnown(paused, token)));
      paused.resume();
      t.deepEqual(tally(await answers), { valid: missed.length }, `round ${round}`);
    }
    // The pauses are drawn: they may have been too short for three.
    await waitUntil("several keys have signed", () => kids.size > rounds(2));
    await load.stop();
    t.log(`${tokens.length} tokens of ${kids.size} keys`);
    t.deepEqual(await badVerdicts([one, two, paused], tokens.slice(-500)), {});
  },
);

/** D, in milliseconds: long enough to look at a take-over that is put off. */
const DELAY = 5_000;
/** A replica may count as dead, for which nothing is put off, this long after its last moment: its heartbeats are rare. */
const SILENT = 8_000;
const MOST_ROUNDS = 5;
const PUT_OFF = { period: 600_000, activationDelay: DELAY };

serialTestWithNats(
  "a key that a paused replica does not hold waits for it, says so, and signs when it runs again",
  async (t) => {
    const nats = await startNats(t);
    const { one, third: paused } = await threeOf(t, nats, PUT_OFF);
    let wasSeen = false;
    for (let round = 1; round <= MOST_ROUNDS && !wasSeen; round++) {
      const { keyId: old } = await issueShort(one);
      paused.pause();
      const pausedAt = Date.now();
      const { kid, signFrom } = await newKeyTakesOver(one);
      const isOver = () => Date.now() >= Math.min(signFrom + DELAY, pausedAt + SILENT);
      await waitUntil("the key is named as waiting", async () => (await waitsFor(one, kid)).length > 0 || isOver());
      t.true(Date.now() >= signFrom || isOver());
      const { keyId } = await issueShort(one);
      // A busy machine may look too late, and then looks at another key.
      wasSeen = !isOver();
      if (wasSeen) t.is(keyId, old, "until then the old one goes on");
      paused.resume();
      await waitUntil("the key signs", async () => (await issueShort(one)).keyId === kid);
      t.deepEqual(await waitsFor(one, kid), []);
      t.deepEqual(await badVerdicts([paused], [(await issueShort(one)).token]), {});
    }
    t.true(wasSeen);
  },
);

serialTestWithNats(
  "negative control: who stays away for longer than the lead and the delay can't verify with the new key",
  async (t) => {
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    const { one, third: cutOff } = await threeOf(t, nats, PUT_OFF, proxy.url);
    proxy.cut();
    const cutAt = Date.now();
    const { kid, signFrom } = await newKeyTakesOver(one);
    let token = "";
    await waitUntil("the key signs", async () => {
      const issued = await issueShort(one);
      token = issued.token;
      return issued.keyId === kid;
    });
    t.true(
      Date.now() >= Math.max(signFrom, Math.min(signFrom + DELAY, cutAt + SILENT)),
      "it waited for as long as it may",
    );
    t.is((await failureOf(verifyOnce(cutOff, token))).reason, "KEYS_UNAVAILABLE");
  },
);

/** Revokes the signing key, so that a key that was made just now takes over. */
async function newKeyTakesOver(one: Replica): Promise<{ kid: string; signFrom: number }> {
  await revokeKey(one, (await nextRotation(one)).nextKeyId);
  const { keyId, signFrom } = await rotateKeys(one);
  return { kid: keyId, signFrom: Number(signFrom) };
}

/** Who the key waits for. */
async function waitsFor(replica: Replica, kid: string): Promise<readonly string[]> {
  const { keys } = await listKeys(replica, "service");
  return keys.find(({ keyId }) => keyId === kid)?.waitsFor ?? [];
}

async function threeOf(t: ExecutionContext, nats: NatsServer, rotation: Partial<KeyPolicy> = {}, thirdUrl = nats.url) {
  const set = await replicaSet(t, [nats.url, nats.url, thirdUrl], rotation);
  const [one, two, third] = await set.startAll(3);
  if (one === undefined || two === undefined || third === undefined) throw new Error("three replicas were started");
  return { one, two, third };
}
