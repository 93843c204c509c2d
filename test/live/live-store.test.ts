import test, { type ExecutionContext } from "ava";
import { createLiveStore, forgetGeneration } from "../../src/live/live-store.ts";
import { createReopeningStore } from "../../src/replica/reopening-store.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { guardedStore } from "../support/replicas/guarded-store.ts";
import { waitUntil } from "../support/wait-until.ts";

const SKEW_MS = 60_000;

/** The two stores of an installation, and its time. Whatever happens to a store happens to all replicas. */
function installation() {
  /** `setBy`: how far the wall clock was set forward. */
  const clock = { now: 1_800_000_000_000, setBy: 0 };
  const newStore = () => createMemoryKeyValue(() => clock.now);
  return { clock, live: newStore(), state: newStore(), newStore, ids: 0, outages: 0 };
}

type World = ReturnType<typeof installation>;

/** A replica, which may have been one before: then it remembers a generation. */
function startReplica(t: ExecutionContext, world: World, remembered?: string) {
  const begun: boolean[] = [];
  const errors: unknown[] = [];
  const remember: string[] = [];
  const lost = new StateError("LOST", "another store");
  const { store, call } = createReopeningStore(
    () => {
      const opened = world.live;
      return guardedStore(opened, () => {
        if (world.live !== opened) throw lost;
      });
    },
    () => replica.lost(),
  );
  /** Looks whether the store is still there, as a replica does once a second. */
  const look = async () => void (await call((current) => current.get("meta")).catch(() => undefined));
  const replica = createLiveStore({
    ...{ store, look, outages: () => world.outages },
    state: through(() => world.state),
    remembered,
    remember: async (id) => void remember.push(id),
    newId() {
      world.ids += 1;
      return `g${world.ids}`;
    },
    now: () => world.clock.now,
    monotonic: () => world.clock.now - world.clock.setBy,
    storeTime: async () => world.clock.now,
    skewMs: SKEW_MS,
    onBegun: (lost) => void begun.push(lost),
    onError: (error) => void errors.push(error),
  });
  replica.start();
  t.teardown(() => replica.stop());
  return { replica, look, begun, errors, remember };
}

/** The store that is there now. */
function through(current: () => KeyValue): KeyValue {
  return {
    get: (key) => current().get(key),
    create: (...args) => current().create(...args),
    update: (...args) => current().update(...args),
    writeAll: (writes) => current().writeAll(writes),
    delete: (key) => current().delete(key),
    list: (prefix) => current().list(prefix),
    watch: (prefix, signal) => current().watch(prefix, signal),
  };
}

/** A copy of the store as it is now. */
async function copyOf(world: World, store: KeyValue): Promise<ReturnType<World["newStore"]>> {
  const copy = world.newStore();
  for (const { key, value } of await store.list("")) await copy.create(key, value);
  return copy;
}

const idOf = (replica: { generation(): { id: string } | undefined }) => replica.generation()?.id;

test("the first generation follows on nothing, so nothing was lost and nothing settles", async (t) => {
  const world = installation();
  const { replica, begun, remember } = startReplica(t, world);
  t.is(replica.generation(), undefined);
  t.true(replica.isSettling(0));
  await replica.opened;
  t.deepEqual(replica.generation(), { id: "g1", since: undefined, earlier: [] });
  t.false(replica.isSettling(1_000_000));
  t.deepEqual(begun, [false]);
  t.deepEqual(remember, ["g1"]);
});

test("replicas that start at once begin one generation together, and a restart goes on with it", async (t) => {
  const world = installation();
  const replicas = [1, 2, 3].map(() => startReplica(t, world).replica);
  await Promise.all(replicas.map(({ opened }) => opened));
  const [id, ...others] = replicas.map(idOf);
  t.deepEqual(others, [id, id]);
  const later = startReplica(t, world, id).replica;
  await later.opened;
  t.is(idOf(later), id);
  t.is(later.generation()?.since, undefined);
});

const LOSSES: Readonly<Record<string, (world: World, before: KeyValue) => Promise<void>>> = {
  "the live store is gone": async (world) => {
    world.live = world.newStore();
  },
  "the live store and the state are gone": async (world) => {
    world.live = world.newStore();
    world.state = world.newStore();
  },
  "the live store is an older copy": async (world, before) => {
    world.live = await copyOf(world, before);
  },
};

for (const [loss, lose] of Object.entries(LOSSES)) {
  test(`when ${loss}, running replicas begin one generation together, which says since when`, async (t) => {
    const world = installation();
    const started = [1, 2, 3].map(() => startReplica(t, world));
    const replicas = started.map(({ replica }) => replica);
    await Promise.all(replicas.map(({ opened }) => opened));
    const [before] = replicas.map(idOf);
    const copy = await copyOf(world, world.live);
    world.clock.now += 5_000;
    await lose(world, copy);
    for (const { look } of started) await look();
    const know = () => replicas.every((replica) => (idOf(replica) ?? before) !== before);
    await waitUntil("all replicas know", know);
    const [id, ...others] = replicas.map(idOf);
    t.deepEqual(others, [id, id]);
    const generation = replicas[0]?.generation();
    t.is(generation?.since, world.clock.now);
    t.deepEqual(generation?.earlier, [before]);
    t.true(replicas[0]?.isSettling(30_000));
    world.clock.now += SKEW_MS + 30_000;
    t.false(replicas[0]?.isSettling(30_000));
  });
}

test("a wall clock that is set forward ends no settling that the replica saw begin", async (t) => {
  const world = installation();
  const [one, two] = [startReplica(t, world), startReplica(t, world)];
  await Promise.all([one.replica.opened, two.replica.opened]);
  world.live = world.newStore();
  await Promise.all([one.look(), two.look()]);
  const replicas = [one.replica, two.replica];
  await waitUntil("both know", () => replicas.every((replica) => replica.generation()?.since !== undefined));
  world.clock.setBy = 3_600_000;
  world.clock.now += 3_600_000;
  for (const replica of replicas) t.true(replica.isSettling(30_000));
  world.clock.now += SKEW_MS + 30_000;
  for (const replica of replicas) t.false(replica.isSettling(30_000));
});

test("a replica that notices the loss late takes part in the generation that others began", async (t) => {
  const world = installation();
  const [first, second] = [startReplica(t, world), startReplica(t, world)];
  await Promise.all([first.replica.opened, second.replica.opened]);
  const before = idOf(first.replica);
  world.live = world.newStore();
  await first.look();
  const knows = ({ replica }: typeof first) => (idOf(replica) ?? before) !== before;
  await waitUntil("the first knows", () => knows(first));
  const since = world.clock.now;
  world.clock.now += 60_000;
  await second.look();
  await waitUntil("the second knows", () => knows(second));
  t.is(idOf(second.replica), idOf(first.replica));
  t.is(second.replica.generation()?.since, since);
});

test("a loss while every replica is stopped is noticed by the state, or by what a replica remembers", async (t) => {
  for (const what of ["live", "both"] as const) {
    const world = installation();
    const { replica } = startReplica(t, world);
    await replica.opened;
    await replica.stop();
    world.live = world.newStore();
    if (what === "both") world.state = world.newStore();
    const again = startReplica(t, world, what === "both" ? idOf(replica) : undefined).replica;
    await again.opened;
    t.is(again.generation()?.since, world.clock.now, what);
  }
});

test("the loss of the state alone is no loss: the live store names the generation", async (t) => {
  const world = installation();
  const { replica } = startReplica(t, world);
  await replica.opened;
  await replica.stop();
  world.state = world.newStore();
  const again = startReplica(t, world, idOf(replica)).replica;
  await again.opened;
  t.is(idOf(again), idOf(replica));
  t.is(again.generation()?.since, undefined);
  t.not(await world.state.get("live"), undefined);
});

test("a live store without its past, after the state was restored from a backup, counts as lost", async (t) => {
  const world = installation();
  await forgetGeneration(world.state);
  const { replica, begun } = startReplica(t, world);
  await replica.opened;
  t.is(replica.generation()?.since, world.clock.now);
  t.deepEqual(begun, [true]);
});

test("a replica that was away while two generations passed goes on with the present one", async (t) => {
  const world = installation();
  const { replica, look } = startReplica(t, world);
  await replica.opened;
  const first = idOf(replica);
  for (const _ of [1, 2]) {
    const before = idOf(replica);
    world.live = world.newStore();
    await look();
    await waitUntil("the next one", () => (idOf(replica) ?? before) !== before);
  }
  const back = startReplica(t, world, first).replica;
  await back.opened;
  t.is(idOf(back), idOf(replica));
});

for (const garbage of ["", "{", "null", '{"id":1}', '{"id":"a b","since":null,"earlier":[]}', '{"id":"x"}', "[]"]) {
  test(`whatever another client writes, ${JSON.stringify(garbage)} names no generation`, async (t) => {
    const world = installation();
    const first = startReplica(t, world).replica;
    await first.opened;
    await first.stop();
    for (const [store, key] of [
      [world.live, "meta"],
      [world.state, "live"],
    ] as const) {
      const entry = await store.get(key);
      await store.update(key, Buffer.from(garbage), entry?.revision ?? 0);
    }
    const { replica } = startReplica(t, world);
    await replica.opened;
    t.is(replica.generation()?.since, world.clock.now);
  });
}

test("after an outage nothing is known until the generation was read again", async (t) => {
  const world = installation();
  const [one, two] = [startReplica(t, world).replica, startReplica(t, world).replica];
  await Promise.all([one.opened, two.opened]);
  const before = idOf(one);
  world.outages += 1;
  t.is(one.generation(), undefined);
  t.true(one.isSettling(0));
  // What every change of the entry causes, and so every watch that is opened again.
  const meta = await world.live.get("meta");
  await world.live.update("meta", meta?.value ?? Buffer.alloc(0), meta?.revision ?? 0);
  await waitUntil("it is known again", () => idOf(one) === before && idOf(two) === before);
});

test("while a store is unreachable nothing is known, and afterwards everything", async (t) => {
  const world = installation();
  let reachable = false;
  const guard = () => {
    if (!reachable) throw new StateError("UNAVAILABLE", "not connected");
  };
  const { live } = world;
  world.live = { ...guardedStore(live, guard), close: live.close };
  const { replica, errors } = startReplica(t, world);
  await waitUntil("an attempt has failed", () => errors.length > 0);
  t.is(replica.generation(), undefined);
  reachable = true;
  await replica.opened;
  t.is(replica.generation()?.since, undefined);
});
