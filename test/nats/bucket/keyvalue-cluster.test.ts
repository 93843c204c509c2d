import test from "ava";
import { createNatsKeyValue } from "../../../src/nats/bucket/keyvalue.ts";
import { NatsLink } from "../../../src/nats/link.ts";
import { keyValueContract } from "../../contract/keyvalue.ts";
import { type NatsCluster, startNatsCluster } from "../../support/nats/nats-cluster.ts";
import { serialTestWithNatsCluster } from "../../support/nats/nats-server.ts";

// One cluster for all: to start one takes seconds.
const cleanups: (() => unknown)[] = [];
let starting: Promise<NatsCluster> | undefined;
const cluster = () => {
  starting ??= startNatsCluster({ teardown: (cleanup) => void cleanups.unshift(cleanup) });
  return starting;
};
test.after.always("the cluster is stopped", async () => {
  for (const cleanup of cleanups) await cleanup();
});

keyValueContract(serialTestWithNatsCluster, async (t) => {
  const { urls } = await cluster();
  const link = new NatsLink({ servers: [...urls] }, () => undefined);
  t.teardown(() => link.close(1000));
  const connection = await link.connected(AbortSignal.timeout(10_000));
  const manager = await connection.jetstreamManager();
  await manager.streams.delete("KV_signet").catch(() => undefined);
  const clock = { now: 1_700_000_000_000 };
  const report = (damage: string) => t.fail(damage);
  return { store: createNatsKeyValue(link, { replicas: 3, now: () => clock.now, report }), clock };
});
