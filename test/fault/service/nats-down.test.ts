import { setTimeout as pause } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { tempFolder } from "../../support/files/temp.ts";
import { trailFaults, trailOf } from "../../support/nats/audit-trail.ts";
import { type NatsServer, startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { type Load, startLoad } from "../../support/service/load.ts";
import { allForwarded, startRemote, untilLogged } from "../../support/service/remote-service.ts";
import { issue, verify } from "../../support/service/service.ts";
import type { LogLine } from "../../support/service/service-process.ts";

const WORKERS = 8;

interface UnderLoad {
  readonly nats: NatsServer;
  /** Resolves when so many more tokens were issued and verified. */
  readonly tokens: Load["more"];
  /** Resolves when the service has logged so many events of the name. */
  logged(event: LogLine["event"], times: number): Promise<void>;
  /**
   * Ends the load, of which no call may have failed; lets the service forward what it holds, and fails when the trail
   * has any fault.
   */
  requireWholeTrail(): Promise<void>;
}

/** A service and its NATS server; tokens are asked for and verified all the while. */
async function startUnderLoad(t: ExecutionContext<unknown>): Promise<UnderLoad> {
  const nats = await startNats(t);
  const service = await startRemote(t, { data: await tempFolder(t), env: { SIGNET_NATS_URL: nats.url } });
  const answered: string[] = [];
  const load = startLoad(WORKERS, async () => {
    const { token, tokenId } = await issue(service);
    const { valid, rejection } = await verify(service, token);
    if (!valid) throw new Error(`a fresh token is not valid: ${rejection?.message}`);
    answered.push(tokenId);
  });
  return {
    nats,
    tokens: load.more,
    logged: (event, times) => untilLogged(service, (log) => log.filter((line) => line.event === event).length >= times),
    async requireWholeTrail() {
      await load.stop();
      await allForwarded(service);
      t.is(await service.process.stop(), 0);
      t.deepEqual(trailFaults(await trailOf(nats), answered), {});
      t.log(`${answered.length} tokens`);
    },
  };
}

testWithNats("while NATS is killed again and again no call fails, and the trail is whole in the end", async (t) => {
  const random = seededRandom(t);
  const { nats, logged, tokens, requireWholeTrail } = await startUnderLoad(t);
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
    const { nats, tokens, requireWholeTrail } = await startUnderLoad(t);
    await tokens(random(50, 400));
    nats.pause();
    await Promise.all([pause(3000), tokens(200)]);
    nats.resume();
    await tokens(random(50, 400));
    await requireWholeTrail();
  },
);

testWithNats("NATS paused beyond the time-out of an acknowledgement has no event twice either", async (t) => {
  const { nats, logged, tokens, requireWholeTrail } = await startUnderLoad(t);
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
    const { nats, logged, tokens, requireWholeTrail } = await startUnderLoad(t);
    await tokens(random(100, 600));
    await nats.restart({ loseStore: true });
    await logged("audit.replaying", 1);
    await tokens(random(50, 400));
    await requireWholeTrail();
  },
);
