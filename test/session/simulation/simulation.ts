import { setImmediate as turn } from "node:timers/promises";
import { createSessions } from "../../../src/session/sessions.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { ObedientGateway } from "../../support/sessions/obedient-gateway.ts";
import { createWorld, fakeToken, partsOf } from "../sessions-under-test.ts";
import { localCalls } from "./local-calls.ts";
import { type Breakage, slowStore, type Waiting } from "./slow-store.ts";

/** Whole numbers in [from, to). */
type Random = (from: number, to: number) => number;

interface Simulated {
  /** More connections than the limit were open at the same moment: how it came about. */
  readonly violation: string | undefined;
  /** What the replicas count and what the gateways hold, when all failures are over. */
  readonly counted: readonly number[];
  readonly held: number;
  /** How often each outcome of an open came. */
  readonly outcomes: ReadonlyMap<string, number>;
}

const REPLICAS = 3;
const GATEWAYS = 3;
const TOKENS = [fakeToken({ id: "one", limit: 1 }), fakeToken({ id: "two", limit: 2 })];
const LIMITS = [1, 2];

/**
 * Interleaves the calls of obedient gateways over several replicas on one store with the passing of time, with pauses
 * of replicas, and with failures of the store before and after a write. Each call of the store is a step of its own.
 */
export async function simulate(random: Random, steps: number, broken: Breakage = {}): Promise<Simulated> {
  const world = createWorld();
  const shared = createMemoryKeyValue(() => world.clock.now);
  const waiting = new Set<Waiting>();
  const replicas = Array.from({ length: REPLICAS }, (_, index) => {
    const store = slowStore(shared, index, waiting, broken);
    const parts = partsOf(world);
    return createSessions({ ...parts, live: { ...parts.live, store } });
  });
  const gateways = Array.from(
    { length: GATEWAYS },
    (_, index) => new ObedientGateway(`g${index}`, () => world.clock.now),
  );
  const calls = replicas.map(localCalls);
  for (const replica of replicas) replica.start();
  while (!replicas.every((replica) => replica.isCurrent())) await turn();
  const paused = new Set<number>();
  const outcomes = new Map<string, number>();
  let connections = 0;
  /** Opens that were not answered yet. */
  let unanswered = 0;
  const any = <Item>(items: readonly Item[]): Item => items[random(0, items.length)] as Item;
  const someReplica = () => any(calls);

  function act(): void {
    const gateway = any(gateways);
    const token = any(TOKENS);
    // Where leases have no grace, only a renewal that was given up shows it: they are more frequent then.
    switch (random(0, broken.noGrace ? 17 : 14)) {
      case 0:
      case 1:
      case 2: {
        if (gateway.leaseId === "") break;
        connections += 1;
        unanswered += 1;
        const count = (outcome: string) => {
          unanswered -= 1;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        };
        void gateway.connect(someReplica(), `c${connections}`, token).then(count);
        break;
      }
      case 3:
      case 4:
      case 5:
        if (!gateway.isRenewing) void gateway.renew(someReplica());
        break;
      case 6:
      case 12:
        gateway.disconnect((count) => random(0, count));
        break;
      case 7:
        world.clock.now += random(0, 12_000);
        break;
      case 8:
        void any(replicas)
          .tick()
          .catch(() => undefined);
        break;
      case 9:
        paused.add(random(0, REPLICAS));
        break;
      case 10:
      case 11:
        paused.delete(random(0, REPLICAS));
        break;
      default:
        gateway.giveUp();
    }
  }

  function serve(): void {
    const ready = [...waiting].filter(({ replica }) => !paused.has(replica));
    if (ready.length === 0) return;
    const one = any(ready);
    const chance = random(0, 100);
    if (chance < 3) one.fail("before");
    else if (chance < 6) one.fail("after");
    else one.go();
  }

  let violation: string | undefined;
  for (let step = 0; step < steps && violation === undefined; step++) {
    if (random(0, 4) === 0) act();
    else serve();
    await turn();
    for (const [index, token] of TOKENS.entries()) {
      const open = gateways.reduce((sum, gateway) => sum + gateway.open(token), 0);
      if (open > (LIMITS[index] ?? 0)) violation = `step ${step}: ${open} connections under ${token}`;
    }
  }
  paused.clear();
  await heal();
  const counted = replicas.map((replica) => replica.figures().open);
  const held = gateways.reduce((sum, gateway) => sum + gateway.open(), 0);
  await stop();
  return { violation, counted, held, outcomes };

  /** Serves every call, for so long that what gateways don't hold is freed. */
  async function heal(): Promise<void> {
    while (unanswered > 0) await serveAll();
    for (let round = 0; round < 12; round++) {
      for (const gateway of gateways) if (!gateway.isRenewing) void gateway.renew(someReplica());
      for (const replica of replicas) void replica.tick().catch(() => undefined);
      await serveAll();
      world.clock.now += 9_000;
    }
  }

  async function serveAll(): Promise<void> {
    for (let idle = 0; idle < 20; idle = waiting.size === 0 ? idle + 1 : 0) {
      for (const one of [...waiting]) one.go();
      await turn();
    }
  }

  async function stop(): Promise<void> {
    const stopped = Promise.all(replicas.map((replica) => replica.stop()));
    for (let over = false; !over; ) {
      for (const one of [...waiting]) one.fail("before");
      over = await Promise.race([stopped.then(() => true), turn(false)]);
    }
  }
}
