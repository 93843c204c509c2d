import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { LIVE_BUCKET } from "../../../src/nats/bucket/name.ts";
import { connect } from "../../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { type Replica, replicaSet } from "../../support/replicas/replicas.ts";
import { boundByRounds } from "../../support/rounds.ts";
import { startLoad } from "../../support/service/load.ts";
import { eulerToken } from "../../support/sessions/euler-tokens.ts";
import { ObedientGateway } from "../../support/sessions/obedient-gateway.ts";
import { remoteSessions } from "../../support/sessions/remote-sessions.ts";
import { toldOnceKnown, UNAVAILABLE } from "../../support/sessions/told-once-known.ts";
import { waitUntil } from "../../support/wait-until.ts";

function hasLost({ process }: Replica): boolean {
  return process.log.some(({ event }) => event === "live.lost");
}

/** Whether the bucket holds any sessions. */
async function holdsCounter(url: string): Promise<boolean> {
  const connection = await connect({ servers: url });
  try {
    const manager = await connection.jetstreamManager();
    const { state } = await manager.streams.info(LIVE_BUCKET.stream, { subjects_filter: "$KV.signet-live.counter.>" });
    return Object.keys(state.subjects ?? {}).length > 0;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

/** More than the longest lease of the test. */
const SETTLED_MS = 60_000;

for (const [how, isRolledBack] of [
  ["lost", false],
  ["rolled back", true],
] as const)
  serialTestWithNats(
    `when the bucket is ${how}, nothing opens until gateways have put back what they hold, and the limit holds`,
    async (t) => {
      boundByRounds(t);
      const nats = await startNats(t);
      const replicas = await (await replicaSet(t, [nats.url], { period: 600_000 })).startAll(2);
      const services = replicas.map((replica) => remoteSessions(t, replica));
      const [one, two] = services;
      if (replicas[0] === undefined || one === undefined || two === undefined) return;
      await nats.kill9();
      const copy = await nats.copyStore();
      await nats.restart();
      const holder = new ObedientGateway("holder", () => performance.now());
      const other = new ObedientGateway("other", () => performance.now());
      const { token } = await eulerToken(replicas[0], 3, 400);
      await waitUntil("both begin", async () => (await holder.renew(one)) && (await other.renew(two)));
      for (const connection of ["c1", "c2", "c3"])
        t.is(await toldOnceKnown(() => holder.connect(one, connection, token)), "opened");
      t.is(await toldOnceKnown(() => other.connect(two, randomUUID(), token)), "TOO_MANY_SESSIONS");
      const renewing = startLoad(1, async () => {
        await Promise.all([holder.renew(one), other.renew(two)]);
        await pause(500);
      });
      t.teardown(() => renewing.stop());

      const outcomes = new Set<string>();
      const trying = startLoad(1, async () => {
        outcomes.add(await other.connect(two, randomUUID(), token));
        await pause(20);
      });
      t.teardown(() => trying.stop());
      await waitUntil("the limit holds", () => outcomes.has("TOO_MANY_SESSIONS"));
      outcomes.delete(UNAVAILABLE);
      t.deepEqual([...outcomes], ["TOO_MANY_SESSIONS"]);
      await nats.restart(isRolledBack ? { from: copy } : { loseStore: true });
      await waitUntil("every replica has noticed the loss", () => replicas.every(hasLost));
      await waitUntil("the first session is put back", () => holdsCounter(nats.url));
      const listed = holder.renewals + 1;
      await waitUntil("all are", () => holder.renewals > listed);
      await trying.more(20);
      await trying.stop();
      t.deepEqual([...outcomes].toSorted(), [UNAVAILABLE, "TOO_MANY_SESSIONS"], "none opened meanwhile");
      for (const replica of replicas) await replica.setClock(SETTLED_MS);
      await waitUntil(
        "the limit is counted again",
        async () => (await other.connect(two, randomUUID(), token)) === "TOO_MANY_SESSIONS",
      );
      t.is(holder.open(token), 3, "nothing was closed");
      holder.disconnect(() => 0);
      await waitUntil("a slot is free", async () => (await other.connect(two, randomUUID(), token)) === "opened");
      await renewing.stop();
    },
  );
