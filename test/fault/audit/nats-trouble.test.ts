import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { fillDisk, smallDisk, testWithSmallDisk } from "../../support/files/small-disk.ts";
import { trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { startDivisibleCluster, startNatsCluster } from "../../support/nats/nats-cluster.ts";
import { serialTestWithNatsCluster, startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { STEADY_LOAD, startUnderLoad } from "../../support/service/under-load.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** A minute in `make soak`. In `make test` six seconds, which show the same with a shorter backlog. */
const OUTAGE_MS = Math.min(rounds(6_000), 60_000);

testWithNats(
  "while NATS is down for a minute under a steady load no call fails, and its events arrive afterwards",
  async (t) => {
    const nats = await startNats(t);
    const { tokens, answered, logged, requireWholeTrail } = await startUnderLoad(t, {
      env: { SIGNET_NATS_URL: nats.url },
      trail: nats,
      pace: STEADY_LOAD,
    });
    await tokens(20);
    await nats.kill9();
    const before = answered.length;
    await Promise.all([pause(OUTAGE_MS), tokens(50)]);
    t.log(`${answered.length - before} tokens answered in ${OUTAGE_MS / 1000} s without NATS`);
    await nats.restart();
    await logged("nats.up", 2);
    await tokens(20);
    await requireWholeTrail();
  },
);

testWithNats("negative control: without the spool the tokens of such an outage have no event", async (t) => {
  const nats = await startNats(t);
  const { tokens, answered, loseWithDisk } = await startUnderLoad(t, {
    env: { SIGNET_NATS_URL: nats.url },
    trail: nats,
    pace: STEADY_LOAD,
  });
  await tokens(20);
  await nats.kill9();
  const before = answered.length;
  await tokens(20);
  const { unknown } = await loseWithDisk();
  await nats.restart();
  const { TOKEN_WITHOUT_EVENT: lost = 0, ...others } = trailFaults(await trailOf(nats), answered);
  t.true(lost >= answered.length - before);
  t.deepEqual(others, {});
  t.log(`${answered.length} tokens answered, ${lost} lost, ${unknown} unknown`);
});

testWithNats(
  "while the network between Signet and NATS is cut again and again no call fails, and none is lost",
  async (t) => {
    const random = seededRandom(t);
    const nats = await startNats(t);
    const network = await startTcpProxy(t, nats.url);
    const { tokens, logged, requireWholeTrail } = await startUnderLoad(t, {
      env: { SIGNET_NATS_URL: network.url },
      trail: nats,
    });
    for (let cut = 1; cut <= rounds(2); cut++) {
      await tokens(random(50, 300));
      network.cut();
      await logged("nats.down", cut);
      await tokens(random(50, 300));
      network.heal();
      await logged("nats.up", cut + 1);
    }
    await requireWholeTrail();
  },
);

testWithSmallDisk("while NATS' disk is full no call fails, and its events arrive when there is room", async (t) => {
  const random = seededRandom(t);
  const disk = await smallDisk(t, 32 * 1024 ** 2);
  const nats = await startNats(t, { store: disk });
  const { tokens, logged, requireWholeTrail } = await startUnderLoad(t, {
    env: { SIGNET_NATS_URL: nats.url },
    trail: nats,
  });
  await tokens(random(50, 300));
  const filler = await fillDisk(disk);
  await logged("audit.retrying", 1);
  await tokens(random(50, 300));
  await rm(filler);
  // A nats-server whose disk was full has given JetStream up until it is started again.
  await nats.restart();
  await tokens(random(50, 300));
  await requireWholeTrail();
});

for (const fault of ["killed", "paused"] as const)
  serialTestWithNatsCluster(
    `while the leader of three is ${fault} again and again no call fails, and no event is lost`,
    async (t) => {
      const random = seededRandom(t);
      const cluster = await startNatsCluster(t);
      const url = cluster.urls.join(",");
      const { tokens, requireWholeTrail } = await startUnderLoad(t, {
        env: { SIGNET_NATS_URL: url, SIGNET_NATS_REPLICAS: "3" },
        trail: { url },
      });
      for (let round = 1; round <= rounds(2); round++) {
        await tokens(random(50, 300));
        await cluster.whole("SIGNET_AUDIT");
        const leader = await cluster.leaderOf("SIGNET_AUDIT");
        if (fault === "killed") await leader.kill9();
        else leader.pause();
        await tokens(random(50, 300));
        if (fault === "killed") await leader.restart();
        else leader.resume();
      }
      await requireWholeTrail();
    },
  );

for (const [how, cut, heal] of [
  ["cut off from", "cut", "heal"],
  ["no longer heard by", "stall", "release"],
] as const)
  serialTestWithNatsCluster(
    `while the leader is ${how} the two others again and again no call fails, and no event is lost`,
    async (t) => {
      const random = seededRandom(t);
      const cluster = await startDivisibleCluster(t);
      const url = cluster.urls.join(",");
      const { tokens, requireWholeTrail } = await startUnderLoad(t, {
        env: { SIGNET_NATS_URL: url, SIGNET_NATS_REPLICAS: "3" },
        trail: { url },
        pace: STEADY_LOAD,
      });
      for (let round = 1; round <= rounds(1); round++) {
        await tokens(random(20, 50));
        await cluster.whole("SIGNET_AUDIT");
        const leader = await cluster.leaderOf("SIGNET_AUDIT");
        for (const network of cluster.routesOf(leader)) network[cut]();
        await tokens(random(20, 50));
        // The others elect one of them: the leader was cut off indeed.
        const others = [...cluster.nodes.values()].filter((node) => node !== leader);
        await waitUntil("another node leads", async () => others.includes(await cluster.leaderOf("SIGNET_AUDIT")));
        await tokens(random(20, 50));
        for (const network of cluster.routesOf(leader)) network[heal]();
      }
      await tokens(20);
      await requireWholeTrail();
    },
  );

serialTestWithNatsCluster(
  "negative control: without the spool the tokens of nodes that are cut off from each other have no event",
  async (t) => {
    const cluster = await startDivisibleCluster(t);
    const url = cluster.urls.join(",");
    const { tokens, answered, loseWithDisk } = await startUnderLoad(t, {
      env: { SIGNET_NATS_URL: url, SIGNET_NATS_REPLICAS: "3" },
      trail: { url },
      pace: STEADY_LOAD,
    });
    await tokens(20);
    await cluster.whole("SIGNET_AUDIT");
    const leader = await cluster.leaderOf("SIGNET_AUDIT");
    for (const { network } of cluster.routes) network.cut();
    await tokens(50);
    const { unknown } = await loseWithDisk();
    // It keeps events that it could not commit, and would commit them if it led the whole cluster again.
    await leader.kill9();
    for (const { network } of cluster.routes) network.heal();
    const { TOKEN_WITHOUT_EVENT: lost = 0, ...others } = trailFaults(await trailOf({ url }), answered);
    t.true(lost > 0);
    t.deepEqual(others, {});
    t.log(`${answered.length} tokens answered, ${lost} lost, ${unknown} unknown`);
  },
);
