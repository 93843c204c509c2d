import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { ExecutionContext } from "ava";
import { DEFAULT_LEASE_MS } from "../../../src/session/lease/lease.ts";
import { tally } from "../../support/collect.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy, type TcpProxy } from "../../support/nats/tcp-proxy.ts";
import { type Replica, type ReplicaSet, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { startLoad } from "../../support/service/load.ts";
import { eulerToken } from "../../support/sessions/euler-tokens.ts";
import { ObedientGateway } from "../../support/sessions/obedient-gateway.ts";
import { type RemoteSessions, remoteSessions } from "../../support/sessions/remote-sessions.ts";
import { toldOnceKnown } from "../../support/sessions/told-once-known.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** No key changes meanwhile. */
const SLOW = { period: 600_000 };
const LEASE_MS = 5_000;
/** Less than the default, and longer than a busy machine needs for one call. */
const CHOSEN_MS = 15_000;
const OPENS = 50;
const LIMIT = 3;
const ROUNDS = rounds(1) === 1 ? 5 : 1_000;

serialTestWithNats("of 50 opens at once on three replicas, exactly as many succeed as the token allows", async (t) => {
  boundByRounds(t);
  const nats = await startNats(t);
  const replicas = await (await replicaSet(t, [nats.url], SLOW)).startAll(3);
  const services = replicas.map((replica) => remoteSessions(t, replica));
  const [first] = replicas;
  if (first === undefined) return;
  const gateways = [1, 2].map((number) => new ObedientGateway(`g${number}`, () => performance.now()));
  for (let round = 0; round < ROUNDS; round++) {
    const renewed = gateways.map((gateway, at) =>
      waitUntil(`${gateway.id} renews`, () => gateway.renew(serviceAt(services, at))),
    );
    await Promise.all(renewed);
    const { token } = await eulerToken(first, LIMIT);
    const opens = Array.from({ length: OPENS }, (_, at) => {
      const connectionId = randomUUID();
      return toldOnceKnown(() => gatewayAt(gateways, at).connect(serviceAt(services, at), connectionId, token));
    });
    t.deepEqual(tally(await Promise.all(opens)), { opened: LIMIT, TOO_MANY_SESSIONS: OPENS - LIMIT }, `round ${round}`);
  }
});

serialTestWithNats(
  "the slots of a gateway that was killed are free when the lease that it chose is over",
  async (t) => {
    const nats = await startNats(t);
    const replicas = await (await replicaSet(t, [nats.url], SLOW)).startAll(2);
    const [one, two] = replicas.map((replica) => remoteSessions(t, replica));
    if (one === undefined || two === undefined || replicas[0] === undefined) return;
    const { token } = await eulerToken(replicas[0], 1, 400);
    const killed = new ObedientGateway("killed", () => performance.now(), CHOSEN_MS);
    const other = new ObedientGateway("other", () => performance.now());
    await waitUntil("the other one begins", () => other.renew(two));
    await waitUntil("it begins", () => killed.renew(one));
    t.is(await toldOnceKnown(() => killed.connect(one, "c1", token)), "opened");
    const outcomes: string[] = [];
    await waitUntil(
      "the slot is free",
      async () => {
        await other.renew(two);
        const connectionId = randomUUID();
        outcomes.push(await toldOnceKnown(() => other.connect(two, connectionId, token)));
        if (outcomes.at(-1) === "opened") return true;
        await pause(100);
        return false;
      },
      // The promise is two seconds after the lease. A busy machine gets more, and less than the default lease.
      DEFAULT_LEASE_MS,
    );
    t.deepEqual([...new Set(outcomes)], ["TOO_MANY_SESSIONS", "opened"]);
    t.is(killed.open(), 0, "its own clock has closed it before");
  },
);

serialTestWithNats(
  "while replicas die, pause, are cut off and have their clocks set, no limit is exceeded",
  async (t) => {
    boundByRounds(t);
    const random = seededRandom(t);
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    const set = await replicaSet(t, [nats.url, nats.url, proxy.url], SLOW);
    const replicas = [...(await set.startAll(3))];
    const services = replicas.map((replica) => remoteSessions(t, replica));
    const tokens = await Promise.all([1, 2, 2].map((limit) => tokenOf(replicas, limit)));
    const gateways = [1, 2, 3].map((number) => new ObedientGateway(`g${number}`, () => performance.now(), LEASE_MS));
    const outcomes: string[] = [];
    const most = new Map<string, number>();
    function look(): void {
      for (const { token } of tokens) {
        const open = gateways.reduce((sum, gateway) => sum + gateway.open(token), 0);
        most.set(token, Math.max(most.get(token) ?? 0, open));
      }
    }
    const someService = () => serviceAt(services, random(0, 3));
    const renewing = startLoad(1, async () => {
      for (const gateway of gateways) void gateway.renew(someService());
      await pause(500);
    });
    const opening = startLoad(4, async () => {
      const gateway = gatewayAt(gateways, random(0, 3));
      const one = tokens[random(0, 3)];
      if (one !== undefined && gateway.leaseId !== "")
        outcomes.push(await gateway.connect(someService(), randomUUID(), one.token));
      if (random(0, 3) === 0) gateway.disconnect((count) => random(0, count));
      look();
      await pause(random(5, 50));
    });

    t.teardown(() => Promise.all([opening.stop(), renewing.stop()]));
    for (const trouble of TROUBLES) await trouble({ t, set, replicas, services, proxy });
    await waitUntil("every gateway renews", () => gateways.every(({ leaseId }) => leaseId !== ""));
    const isReached = ({ token, limit }: (typeof tokens)[0]) => (most.get(token) ?? 0) >= limit;
    await waitUntil("as many were open as allowed", () => tokens.every(isReached));
    await Promise.all([opening.stop(), renewing.stop()]);
    look();

    t.log(tally(outcomes));
    for (const { token, limit } of tokens) t.is(most.get(token), limit, "never more");
    const settled = async () => {
      await Promise.all(gateways.map((gateway) => gateway.renew(someService())));
      await pause(200);
      const held = gateways.reduce((sum, gateway) => sum + gateway.open(), 0);
      const counts = await Promise.all(services.map((service) => service.count().catch(() => -1)));
      return counts.every((count) => count === held);
    };
    await waitUntil("no slot is lost", settled);
  },
);

interface Trouble {
  readonly t: ExecutionContext<unknown>;
  readonly set: ReplicaSet;
  readonly replicas: Replica[];
  readonly services: RemoteSessions[];
  readonly proxy: TcpProxy;
}

/** Each lasts until it is over. A pause and an outage are longer than the lease and its margin. */
const TROUBLES: readonly ((trouble: Trouble) => Promise<void>)[] = [
  async ({ t, set, replicas, services }) => {
    await pause(1_000);
    await replicas[0]?.process.kill9();
    replicas[0] = await set.start("replica-1");
    await untilReady(replicas[0]);
    services[0] = remoteSessions(t, replicas[0]);
  },
  async ({ replicas, proxy }) => {
    replicas[1]?.pause();
    await pause(1_000);
    proxy.cut();
    await pause(LEASE_MS + 1_000);
    replicas[1]?.resume();
    await pause(1_000);
    proxy.heal();
  },
  async ({ replicas }) => {
    await replicas[0]?.setClock(3_600_000);
    await replicas[1]?.setClock(-3_600_000);
    await pause(2_000);
    for (const replica of replicas) await replica.setClock(0);
    await pause(1_000);
  },
];

async function tokenOf([replica]: readonly Replica[], limit: number) {
  if (replica === undefined) throw new Error("no replica");
  return { token: (await eulerToken(replica, limit, 400)).token, limit };
}

function serviceAt(services: readonly RemoteSessions[], at: number): RemoteSessions {
  return services[at % services.length] as RemoteSessions;
}

function gatewayAt(gateways: readonly ObedientGateway[], at: number): ObedientGateway {
  return gateways[at % gateways.length] as ObedientGateway;
}
