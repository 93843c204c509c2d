import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { replicaSet, untilReady } from "../support/replicas/replicas.ts";
import { untilLogged } from "../support/service/remote-service.ts";

serialTestWithNats("two replicas with two issuers log the difference, and both go on", async (t) => {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], { period: 600_000 });
  const replicas = [
    await set.start("one"),
    await set.start("alike"),
    await set.start("other", { SIGNET_ISSUER: "https://other.example" }),
  ];
  const [one, , other] = replicas;
  if (one === undefined || other === undefined) return;
  for (const replica of [one, other])
    await untilLogged(replica, (log) => log.some(({ event }) => event === "replica.differs"));
  const logged = other.process.log.filter(({ event }) => event === "replica.differs");
  const own = other.process.log[0]?.replica;
  for (const line of logged) {
    t.like(line, { level: "error", parts: ["issuer"], replica: own });
    t.not(line.other, own);
  }
  // One that stalled for longer than it may be silent is another one when it is back.
  const named = one.process.log.filter(({ event }) => event === "replica.differs").map((line) => line.other);
  t.deepEqual([...new Set(named)], [own]);
  t.true(named.length <= 2, "not at each of its heartbeats");
  await t.notThrowsAsync(Promise.all(replicas.map(untilReady)));
});
