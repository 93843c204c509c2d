import test, { type ExecutionContext } from "ava";
import { createPresence, type PresenceEvent } from "../../src/replica/presence.ts";
import type { Digests } from "../../src/replica/presence-record.ts";
import { type Change, type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { guardedStore } from "../support/replicas/guarded-store.ts";
import { waitUntil } from "../support/wait-until.ts";

const HEARTBEAT = 5;
const SKEW = 1_000;
const MAX_OFFLINE = 60_000;

/** The time that replicas live in, which a test moves: what they do between two moments takes none of it. */
function timeUnderTest() {
  const time = { wall: 1_800_000_000_000, steady: 0 };
  const now = () => time.wall;
  const pass = (ms: number) => {
    time.wall += ms;
    time.steady += ms;
  };
  return { now, monotonic: () => time.steady, pass };
}

type Time = ReturnType<typeof timeUnderTest>;

function replica(
  t: ExecutionContext,
  time: Time,
  store: KeyValue,
  id: string,
  digests: Digests = {},
  writer = () => id,
) {
  const events: PresenceEvent[] = [];
  const beats = { heard: 0 };
  const presence = createPresence({
    store,
    id,
    writer,
    version: "1",
    digests,
    now: time.now,
    monotonic: time.monotonic,
    heartbeatMs: HEARTBEAT,
    skewMs: SKEW,
    maxOfflineMs: MAX_OFFLINE,
    onContact: () => {
      beats.heard += 1;
    },
    report: (event) => void events.push(event),
  });
  presence.start();
  t.teardown(() => presence.stop());
  const ids = () => presence.live().map((one) => one.id);
  const silent = () => presence.silent().map((one) => one.id);
  const beat = async () => {
    const before = beats.heard;
    await waitUntil(`${id} hears two of its heartbeats`, () => beats.heard >= before + 2);
  };
  return { ...presence, presence, ids, silentIds: silent, beat, beats, events };
}

test("replicas see each other, by id, and hear their own heartbeats", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const [b, a] = [replica(t, time, store, "b"), replica(t, time, store, "a")];
  await waitUntil("both see both", () => a.ids().length === 2 && b.ids().length === 2);
  t.deepEqual(a.ids(), ["a", "b"]);
  t.deepEqual(b.live()[0], { id: "a", version: "1", epochs: {}, writer: "a" });
  await a.beat();
  t.deepEqual([...a.events, ...b.events], []);
});

test("a replica that has begun a new audit log says who writes it now", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  let writer = "a";
  const a = replica(t, time, store, "a", {}, () => writer);
  const b = replica(t, time, store, "b");
  const seenByB = () => b.live().find(({ id }) => id === "a")?.writer;
  await waitUntil("b sees a", () => seenByB() === "a");
  writer = "a2";
  await waitUntil("b sees who writes for a", () => seenByB() === "a2");
  t.deepEqual(a.ids(), ["a", "b"], "its id stays");
});

test("a replica that does not hold an epoch yet is late, until it announces that epoch or a later one", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const [a, b, c] = ["a", "b", "c"].map((id) => replica(t, time, store, id));
  if (!a || !b || !c) return t.fail();
  await waitUntil("a sees all", () => a.ids().length === 3);
  t.deepEqual(a.late("service", 7), ["a", "b", "c"]);
  a.announce("service", 7);
  b.announce("service", 6);
  b.announce("other", 9);
  t.deepEqual(a.late("service", 7).slice(0, 1), ["b"], "its own is known at once");
  c.announce("service", 8);
  await waitUntil("only b is late", () => a.late("service", 7).length === 1);
  t.deepEqual(a.late("service", 7), ["b"]);
  b.announce("service", 7);
  await waitUntil("none is late", () => a.late("service", 7).length === 0);
});

test("a replica that leaves is gone at once", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const [a, b] = [replica(t, time, store, "a"), replica(t, time, store, "b")];
  await waitUntil("a sees b", () => a.ids().length === 2);
  await b.stop();
  await waitUntil("b is gone", () => a.ids().length === 1);
  t.is(await store.get("replicas/b"), undefined);
  t.deepEqual(a.silentIds(), []);
});

test("a replica that has been silent for five heartbeats is taken for dead", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const a = replica(t, time, store, "a");
  const silent = { version: "1", startedAt: 1, epochs: { service: 3 } };
  await store.create("replicas/b", Buffer.from(JSON.stringify(silent)));
  await waitUntil("a sees b", () => a.ids().length === 2);
  time.pass(5 * HEARTBEAT);
  await a.beat();
  t.deepEqual(a.ids(), ["a", "b"]);
  time.pass(1);
  await a.beat();
  t.deepEqual(a.ids(), ["a"]);
  t.deepEqual(a.late("service", 4), ["a"]);
});

/** A replica that was cut off: it has written for the last time. */
async function cutOff(t: ExecutionContext, time: Time, store: KeyValue, id: string) {
  let cut = false;
  let refused = false;
  const guarded = guardedStore(store, () => {
    refused ||= cut;
    if (cut) throw new StateError("UNAVAILABLE", "cut");
  });
  const one = replica(t, time, guarded, id);
  one.announce("service", 3);
  await one.beat();
  cut = true;
  await waitUntil(`${id} is refused a heartbeat`, () => refused);
}

test("a replica that fell silent without leaving is listed for as long as it may issue, also by a replica that starts later", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const a = replica(t, time, store, "a");
  await cutOff(t, time, store, "b");
  await waitUntil("a sees b", () => a.ids().length === 2);
  time.pass(SKEW + 6 * HEARTBEAT);
  await a.beat();
  t.deepEqual([a.ids(), a.silentIds()], [["a"], ["b"]]);
  t.like(a.silent(), [{ epochs: { service: 3 } }]);
  const later = replica(t, time, store, "later");
  await later.beat();
  t.deepEqual(later.silentIds(), ["b"], "what was written long ago is no sign of life");
  t.false(later.ids().includes("b"));
  time.pass(MAX_OFFLINE);
  await a.beat();
  t.deepEqual([a.silentIds(), later.silentIds()], [[], []]);
});

test("a replica that can't follow the store yet finds the others by seeking them", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  await cutOff(t, time, store, "b");
  const unheard: KeyValue = { ...store, watch: (_prefix, signal) => never(signal) };
  const a = replica(t, time, unheard, "a");
  t.deepEqual(a.ids(), ["a"]);
  await a.seek();
  t.deepEqual(a.ids(), ["a", "b"]);
  t.is(a.beats.heard, 0, "its own entry is no heartbeat then");
});

/** A watch that yields nothing. */
async function* never(signal: AbortSignal): AsyncGenerator<Change> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

test("a replica with another configuration is reported once, with the parts that differ", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const a = replica(t, time, store, "a", { issuer: "1", rotation: "1", keysets: "1" });
  const b = replica(t, time, store, "b", { issuer: "1", rotation: "2", keysets: "2" });
  replica(t, time, store, "alike", { issuer: "1", rotation: "1", keysets: "1", later: "9" });
  await store.create("replicas/old", Buffer.from(JSON.stringify({ version: "0", startedAt: 1, epochs: {} })));
  await waitUntil("a sees all", () => a.ids().length === 4);
  await Promise.all([a.beat(), b.beat()]);
  const differs = (one: string) => ({ type: "replica.differs", other: one, parts: ["rotation", "keysets"] }) as const;
  t.deepEqual(a.events, [differs("b")]);
  t.deepEqual(
    b.events.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)),
    [differs("a"), differs("alike")],
  );
  await b.stop();
  const again = replica(t, time, store, "b", { issuer: "2", rotation: "1", keysets: "1" });
  await again.beat();
  await waitUntil("a reports it again", () => a.events.length === 2);
  t.deepEqual(a.events[1], { type: "replica.differs", other: "b", parts: ["issuer"] });
});

test("a flood of replicas that differ does not fill the log; what was held back is reported later", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const a = replica(t, time, store, "a", { issuer: "1" });
  const flood = async () => {
    const record = { version: "0", startedAt: 1, epochs: {}, digests: { issuer: "2" }, at: time.now() };
    const value = Buffer.from(JSON.stringify(record));
    for (let id = 0; id < 50; id++) {
      const before = await store.get(`replicas/r${id}`);
      if (before === undefined) await store.create(`replicas/r${id}`, value);
      else await store.update(before.key, value, before.revision);
    }
  };
  await flood();
  await waitUntil("a sees all", () => a.ids().length === 51);
  t.is(a.events.length, 20);
  time.pass(60_000);
  await flood();
  await waitUntil("a reports others", () => a.events.length === 40);
  t.is(new Set(a.events.map((event) => "other" in event && event.other)).size, 40);
});

test("a replica that is cut off hears no other, and goes by what it knew: that does not make the others dead", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  let cut = false;
  const cuttable = guardedStore(store, () => {
    if (cut) throw new StateError("UNAVAILABLE", "cut");
  });
  const a = replica(t, time, cuttable, "a");
  const b = replica(t, time, store, "b");
  a.announce("service", 7);
  b.announce("service", 6);
  await waitUntil("a sees b", () => a.late("service", 7).length === 1);
  cut = true;
  time.pass(1_000 * HEARTBEAT);
  await b.beat();
  t.deepEqual(a.late("service", 7), ["b"]);
  b.announce("service", 7);
  cut = false;
  await waitUntil("a hears of it", () => a.late("service", 7).length === 0);
  t.deepEqual(a.events, [{ type: "replica.cut_off", message: "cut" }], "once, however often it is tried");
  await waitUntil("a says that there is contact", () => a.presence.obstacle === undefined);
});

test("another process under the same id is reported, once, by the one that was there first", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const first = replica(t, time, store, "a");
  await first.beat();
  time.pass(1);
  const second = replica(t, time, store, "a");
  await waitUntil("the twin is reported", () => first.events.length > 0);
  await second.beat();
  t.deepEqual(first.events, [{ type: "replica.twin" }]);
});

test("a replica that restarts, even with an earlier clock, replaces its old entry, which is neither a heartbeat nor a twin", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const left = { version: "0", startedAt: time.now() + 1, epochs: { service: 3 } };
  await store.create("replicas/a", Buffer.from(JSON.stringify(left)));
  const a = replica(t, time, store, "a");
  await a.beat();
  const entry = await store.get("replicas/a");
  t.like(JSON.parse(Buffer.from(entry?.value ?? []).toString()), { version: "1", epochs: {} });
  t.deepEqual(a.events, []);
});

test("an entry that is not a presence record is not a replica", async (t) => {
  const time = timeUnderTest();
  const store = createMemoryKeyValue(time.now);
  const a = replica(t, time, store, "a");
  for (const [at, text] of ["", "{", "null", "{}", '{"version":"1","startedAt":1,"epochs":{"service":-1}}'].entries())
    await store.create(`replicas/x${at}`, Buffer.from(text));
  await a.beat();
  t.deepEqual(a.ids(), ["a"]);
});
