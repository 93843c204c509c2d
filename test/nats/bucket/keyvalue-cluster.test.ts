import test from "ava";
import { createNatsKeyValue } from "../../../src/nats/bucket/keyvalue.ts";
import { STATE_BUCKET } from "../../../src/nats/bucket/name.ts";
import { NatsLink } from "../../../src/nats/link.ts";
import { keyValueContract } from "../../contract/keyvalue.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { type NatsCluster, startNatsCluster } from "../../support/nats/nats-cluster.ts";
import { serialTestWithNatsCluster } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";

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

let buckets = 0;

/** A bucket that no test had before: a stream that is created under a name that was just deleted may wait for it. */
function nextBucket() {
  buckets += 1;
  const bucket = `contract-${buckets}`;
  return { ...STATE_BUCKET, bucket, stream: `KV_${bucket}`, root: `$KV.${bucket}.` };
}

keyValueContract(serialTestWithNatsCluster, async (t) => {
  const { urls } = await cluster();
  const link = new NatsLink({ servers: [...urls] }, () => undefined);
  t.teardown(() => link.close(1000));
  const connection = await link.connected(AbortSignal.timeout(HANGS_MS));
  const manager = await connection.jetstreamManager({ timeout: HANGS_MS });
  const name = nextBucket();
  t.teardown(() => manager.streams.delete(name.stream));
  const clock = { now: 1_700_000_000_000 };
  const report = (damage: string) => t.fail(damage);
  const store = createNatsKeyValue(link, { name, replicas: 3, now: () => clock.now, report, callMs: HANGS_MS });
  // A first election may take longer than a call.
  await waitUntil("the bucket has a leader", () =>
    store.look().then(
      () => true,
      () => false,
    ),
  );
  return { store, clock };
});
