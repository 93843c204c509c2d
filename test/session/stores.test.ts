import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createNatsKeyValue } from "../../src/nats/bucket/keyvalue.ts";
import { LIVE_BUCKET } from "../../src/nats/bucket/name.ts";
import { NatsLink } from "../../src/nats/link.ts";
import { LIVE_FILE, openFileKeyValue } from "../../src/state/file.ts";
import type { KeyValue } from "../../src/state/keyvalue.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { tally } from "../support/collect.ts";
import { tempFolder } from "../support/files/temp.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { createWorld, GATEWAY, openRequest, openSessions, outcomeOf, renewRequest } from "./sessions-under-test.ts";

const REPLICAS = [1, 2, 3];

/** What holds over every store. `open` makes a fresh one for each test. */
function sessionsOver(
  register: typeof serialTestWithNats,
  name: string,
  open: (t: ExecutionContext, now: () => number) => Promise<KeyValue>,
): void {
  /** Replicas in one process, each with its own view. */
  async function replicasOver(t: ExecutionContext) {
    const world = createWorld();
    const shared = { ...world, store: await open(t, () => world.clock.now) };
    return Promise.all(REPLICAS.map(() => openSessions(t, shared)));
  }

  register(`${name}: of fifty opens at once over three replicas, as many succeed as the token allows`, async (t) => {
    const replicas = await replicasOver(t);
    const [first] = replicas;
    const leaseId = (await first?.renew(renewRequest(), GATEWAY))?.lease.leaseId ?? "";
    const opens = Array.from({ length: 50 }, (_, at) =>
      outcomeOf((replicas[at % 3] as (typeof replicas)[0]).open(openRequest(`c${at}`, { leaseId }), GATEWAY)),
    );
    t.deepEqual(tally(await Promise.all(opens)), { opened: 3, TOO_MANY_SESSIONS: 47 });
  });

  register(
    `${name}: every replica learns what was opened and closed, and a lapsed lease frees its slots`,
    async (t) => {
      const [one, two, three] = await replicasOver(t);
      if (one === undefined || two === undefined || three === undefined) return t.fail();
      const known = (count: number) => () => [one, two, three].every(({ figures }) => figures().open === count);
      const ids: string[] = [];
      for (const connection of ["c1", "c2", "c3"])
        ids.push((await one.open(openRequest(connection), GATEWAY)).opened?.session.sessionId ?? "");
      await waitUntil("all know three", known(3));
      await two.close({ gatewayId: "g1", sessionIds: ids.slice(0, 1) }, GATEWAY);
      await waitUntil("all know two", known(2));
      one.world.clock.now += 31_001;
      await three.tick();
      await waitUntil("all know none", known(0));
      t.is(await outcomeOf(two.open(openRequest("d1", { gatewayId: "g2" }), GATEWAY)), "opened");
    },
  );
}

sessionsOver(test, "a file", async (t, now) => {
  const store = await openFileKeyValue(join(await tempFolder(t), "live.db"), now, LIVE_FILE);
  t.teardown(() => store.close());
  return store;
});

sessionsOver(serialTestWithNats, "NATS", async (t, now) => {
  const { url } = await startNats(t);
  const link = new NatsLink({ servers: url }, () => undefined);
  t.teardown(() => link.close(100));
  await link.connected(AbortSignal.timeout(HANGS_MS));
  const report = (damage: string) => t.fail(damage);
  return createNatsKeyValue(link, { name: LIVE_BUCKET, replicas: 1, now, report, callMs: HANGS_MS });
});
