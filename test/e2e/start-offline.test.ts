import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { replicaSet, untilReady } from "../support/replicas/replicas.ts";

testWithNats(
  "a start without NATS says what it waits for, serves from its snapshots, and reports one outage once",
  async (t) => {
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url], { period: 600_000 });
    const [before] = await set.startAll(1);
    await before?.process.stop();
    await nats.kill9();
    const replica = await set.start("replica-1");
    await untilReady(replica);
    const [waiting] = replica.process.log.filter(({ event }) => event === "waiting");
    t.deepEqual(waiting?.for, ["the shared state (NATS), which is not reached yet"]);
    const failures = replica.process.log.filter(({ event }) => event === "keys.failed").map(({ keyset }) => keyset);
    t.deepEqual(failures.toSorted(), ["euler-stream", "service"]);
  },
);
