import { randomUUID } from "node:crypto";
import type { ServiceError } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import type { VerifyTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { connect } from "../../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { failureOf, readError } from "../../support/service/rich-error.ts";
import { verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** No key changes while tokens are used. */
const SLOW = { period: 600_000 };
const THREE_WAYS = ["ALREADY_USED", "ALREADY_USED", "valid"];

/** What a replica says of a token that it is to use up: "valid", the reason, or that of the error, if it has one. */
async function use(replica: Replica, token: string, request: Partial<VerifyTokenRequest> = {}): Promise<string> {
  try {
    return verdictOf(await verify(replica, token, { consume: true, ...request }));
  } catch (error) {
    const { code, reason } = readError(error as ServiceError);
    return reason ?? code;
  }
}

/** What it says once it reaches the store in time. Repeated with its `requestId`, a use is no other one. */
async function useSurely(replica: Replica, token: string, requestId: string = randomUUID()): Promise<string> {
  let told = "";
  await waitUntil("the outcome is known", async () => {
    told = await use(replica, token, { requestId });
    return told !== "USES_UNAVAILABLE";
  });
  return told;
}

async function threeReplicas(t: ExecutionContext, natsUrls: readonly string[]) {
  boundByRounds(t);
  const set = await replicaSet(t, natsUrls, SLOW);
  const [one, two, three] = await set.startAll(3);
  if (one === undefined || two === undefined || three === undefined) throw new Error("three were started");
  return { set, one, two, three, all: [one, two, three] as const };
}

const usedEverywhere = async (replicas: readonly Replica[], token: string): Promise<boolean> =>
  (await Promise.all(replicas.map((replica) => use(replica, token)))).every((told) => told === "ALREADY_USED");

serialTestWithNats("a token that is shown to three replicas at once is valid once", async (t) => {
  const nats = await startNats(t);
  const { one, all } = await threeReplicas(t, [nats.url]);
  for (let round = 0; round < rounds(50); round++) {
    const { token } = await issueShort(one);
    const told = await Promise.all(all.map((replica) => useSurely(replica, token)));
    t.deepEqual(told.toSorted(), THREE_WAYS, `round ${round}`);
  }
  const { token } = await issueShort(one);
  const many = Array.from({ length: 60 }, (_, at) => useSurely(all[at % 3] ?? one, token));
  t.is((await Promise.all(many)).filter((told) => told === "valid").length, 1);
  t.is(verdictOf(await verify(one, token)), "valid", "without consume it is not used");
});

serialTestWithNats("a retry after a replica was killed gets the same answer, and nobody else does", async (t) => {
  const nats = await startNats(t);
  const random = seededRandom(t);
  const { set, one, two, three } = await threeReplicas(t, [nats.url]);
  let victim = one;
  for (let round = 0; round < rounds(5); round++) {
    const { token } = await issueShort(two);
    const requestId = `r-${round}`;
    // In every other round it was surely used up, and the client lost the answer.
    const isUsed = round % 2 === 0;
    const asked = isUsed ? useSurely(victim, token, requestId) : use(victim, token, { requestId });
    if (isUsed) t.is(await asked, "valid");
    for (let turns = random(0, 2_000); turns > 0; turns--) await new Promise(setImmediate);
    await victim.process.kill9();
    t.log(`round ${round}: the killed replica said ${await asked}`);
    t.is(await useSurely(two, token, requestId), "valid");
    t.is(await useSurely(three, token, requestId), "valid", "for the same request everywhere");
    t.is(await useSurely(three, token, "other"), "ALREADY_USED");
    victim = await set.start("replica-1");
    await untilReady(victim);
    // A client that was cut off waits before it connects again.
    await waitUntil("a replica that has just started knows it", async () => {
      return (await use(victim, token, { requestId })) === "valid";
    });
    t.is(await useSurely(victim, token), "ALREADY_USED");
  }
});

serialTestWithNats("without NATS a token is not used up, and not valid: the outcome is unknown", async (t) => {
  const nats = await startNats(t);
  const proxy = await startTcpProxy(t, nats.url);
  const { one, two, three } = await threeReplicas(t, [nats.url, nats.url, proxy.url]);
  const [{ token }, used] = [await issueShort(one), await issueShort(one)];
  t.is(await useSurely(three, used.token), "valid");
  proxy.cut();
  for (const shown of [token, used.token]) t.is(await use(three, shown), "USES_UNAVAILABLE");
  const failure = await failureOf(verify(three, token, { consume: true }));
  t.like(failure, { code: "UNAVAILABLE", reason: "USES_UNAVAILABLE", retryAfterMs: 1_000 });
  t.is(verdictOf(await verify(three, token)), "valid", "what does not consume needs no store");
  t.is(await useSurely(two, token), "valid", "the other replicas go on");
  proxy.heal();
  await waitUntil("the replica is back", async () => (await use(three, token)) !== "USES_UNAVAILABLE");
  t.is(await useSurely(three, token), "ALREADY_USED");

  await nats.kill9();
  const { token: late } = await issueShort(one);
  t.is(await use(one, late), "USES_UNAVAILABLE");
  await nats.restart();
  await waitUntil("NATS is back", async () => (await use(one, late, { requestId: "r" })) === "valid");
  t.is(await useSurely(two, late), "ALREADY_USED", "for the other replica too");
  await waitUntil("each knows that it was used: a restart of NATS forgets nothing", () =>
    usedEverywhere([one, two, three], used.token),
  );
});

for (const [loss, lose] of [
  ["deleted", deleteBucket],
  ["rolled back", rollBack],
] as const)
  serialTestWithNats(`when the bucket is ${loss}, no token from before is valid again, and new ones are`, async (t) => {
    const nats = await startNats(t);
    const { one, all } = await threeReplicas(t, [nats.url]);
    const unused = await issueShort(one);
    const used = await lose(nats, async () => {
      await waitUntil("each replica hears of the others' writes", async () => (await listeners(nats)) === all.length);
      const { token } = await issueShort(one);
      await waitUntil("the token is used", async () => (await use(one, token, { requestId: "first" })) === "valid");
      return token;
    });
    const told: string[] = [];
    const everywhere = async () => {
      const answers = await Promise.all(all.map((replica) => use(replica, used)));
      told.push(...answers);
      return answers.every((answer) => answer === "ALREADY_USED");
    };
    await waitUntil("every replica knows of the loss", everywhere);
    t.deepEqual(
      [...new Set(told)].toSorted().filter((answer) => answer === "valid"),
      [],
      "never valid meanwhile",
    );
    await waitUntil("so does each of the other token", () => usedEverywhere(all, unused.token));
    t.true(all.some(({ process }) => process.log.some(({ event }) => event === "live.begun")));
    await waitUntil("new tokens can be used", async () => {
      const { token } = await issueShort(one);
      const answers = await Promise.all(all.map((replica) => useSurely(replica, token)));
      if (answers.every((answer) => answer === "ALREADY_USED")) return false;
      t.deepEqual(answers.toSorted(), THREE_WAYS);
      return true;
    });
  });

type Nats = Awaited<ReturnType<typeof startNats>>;

async function deleteBucket(nats: Nats, useOne: () => Promise<string>): Promise<string> {
  const token = await useOne();
  await removeLive(nats);
  return token;
}

/** How many replicas learn each revision of the live store. */
async function listeners({ url }: Nats): Promise<number> {
  const connection = await connect({ servers: url });
  try {
    const consumers = await (await connection.jetstreamManager()).consumers.list("KV_signet-live").next();
    return consumers.filter(({ config }) => config.deliver_policy === "new").length;
  } finally {
    await connection.close();
  }
}

async function removeLive({ url }: Nats): Promise<void> {
  const connection = await connect({ servers: url });
  await (await connection.jetstreamManager()).streams.delete("KV_signet-live");
  await connection.close();
}

async function rollBack(nats: Nats, useOne: () => Promise<string>): Promise<string> {
  await nats.kill9();
  const copy = await nats.copyStore();
  await nats.restart();
  const token = await useOne();
  await nats.restart({ from: copy });
  return token;
}

serialTestWithNats(
  "a bucket that was deleted while every replica was stopped is missed by the first start",
  async (t) => {
    const nats = await startNats(t);
    const { set, one, two, three } = await threeReplicas(t, [nats.url]);
    const { token } = await issueShort(one);
    t.is(await useSurely(one, token), "valid");
    for (const { process } of [one, two, three]) t.is(await process.stop(), 0);
    await removeLive(nats);
    const again = await set.start("replica-2");
    await untilReady(again);
    t.is(await useSurely(again, token), "ALREADY_USED");
    t.true(again.process.log.some(({ event, lost }) => event === "live.begun" && lost === true));
  },
);
