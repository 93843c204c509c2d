import { setTimeout as pause } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { type NatsServer, startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { startUnderLoad, type UnderLoad } from "../../support/service/under-load.ts";

async function startBoth(t: ExecutionContext<unknown>): Promise<UnderLoad & { readonly nats: NatsServer }> {
  const nats = await startNats(t);
  return { nats, ...(await startUnderLoad(t, { env: { SIGNET_NATS_URL: nats.url }, trail: nats })) };
}

testWithNats("while NATS is killed again and again no call fails, and the trail is whole in the end", async (t) => {
  const random = seededRandom(t);
  const { nats, logged, tokens, requireWholeTrail } = await startBoth(t);
  for (let kill = 1; kill <= 3; kill++) {
    await tokens(random(50, 400));
    await nats.kill9();
    await tokens(random(50, 400));
    await nats.restart();
    await logged("nats.up", kill + 1);
  }
  await requireWholeTrail();
});

testWithNats(
  "while NATS is paused for 3 s no call fails, and no event is stored twice when it continues",
  async (t) => {
    const random = seededRandom(t);
    const { nats, tokens, requireWholeTrail } = await startBoth(t);
    await tokens(random(50, 400));
    nats.pause();
    await Promise.all([pause(3000), tokens(200)]);
    nats.resume();
    await tokens(random(50, 400));
    await requireWholeTrail();
  },
);

testWithNats("NATS paused beyond the time-out of an acknowledgement has no event twice either", async (t) => {
  const { nats, logged, tokens, requireWholeTrail } = await startBoth(t);
  await tokens(100);
  nats.pause();
  // Without a connection lost, only a time-out is tried again.
  await logged("audit.retrying", 1);
  nats.resume();
  await tokens(100);
  await requireWholeTrail();
});

testWithNats(
  "a store that is lost while tokens are issued is filled again with all that the spool retains",
  async (t) => {
    const random = seededRandom(t);
    const { nats, logged, tokens, requireWholeTrail } = await startBoth(t);
    await tokens(random(100, 600));
    await nats.restart({ loseStore: true });
    await logged("audit.replaying", 1);
    await tokens(random(50, 400));
    await requireWholeTrail();
  },
);
