import { createHmac } from "node:crypto";
import test from "ava";
import { type RecordKeys, wrapBody } from "../../src/keys/store/authenticated-record.ts";
import { createInstallation, type InstallationEvent } from "../../src/replica/installation.ts";
import type { KeyValue } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";

const keyOf = (kek: string) => ({
  kek,
  mac: (body: string) => createHmac("sha256", kek).update(body).digest("base64url"),
});
const KEYS: RecordKeys = [keyOf("kek-1")];
const NEXT_KEYS: RecordKeys = [keyOf("kek-2"), keyOf("kek-1")];
const LATER_KEYS: RecordKeys = [keyOf("kek-2")];

/** A replica whose data folder belongs to `known`. */
function replica(store: KeyValue, known: string | undefined, recordKeys = KEYS) {
  const events: InstallationEvent[] = [];
  const joined: string[] = [];
  const installation = createInstallation({
    store,
    recordKeys,
    known,
    newId: () => "new",
    join: async (id) => void joined.push(id),
    report: (event) => void events.push(event),
  });
  return { ...installation, joined, types: () => events.map(({ type }) => type) };
}

/** What the bucket says to a replica that belongs to no installation yet. */
async function idIn(store: KeyValue, recordKeys = KEYS): Promise<string | undefined> {
  const newcomer = replica(store, undefined, recordKeys);
  await newcomer.settle();
  return newcomer.joined[0];
}

const newStore = () => createMemoryKeyValue(() => 0);

async function replace(store: KeyValue, value: Uint8Array): Promise<void> {
  const entry = await store.get("installation");
  if (entry === undefined) await store.create("installation", value);
  else await store.update("installation", value, entry.revision);
}

test("the first replica gives the bucket a new id, and the others join it", async (t) => {
  const store = newStore();
  const [first, second] = [replica(store, undefined), replica(store, undefined)];
  await Promise.all([first.settle(), second.settle()]);
  t.deepEqual([first.joined, second.joined], [["new"], ["new"]]);
  t.deepEqual(second.types(), ["installation.joined"]);
  await t.notThrowsAsync(replica(store, "new").check());
});

test("a bucket that was lost gets the id back from a data folder that has it", async (t) => {
  const store = newStore();
  const old = replica(store, "a");
  await old.check();
  await old.settle();
  t.is(await idIn(store), "a");
  await store.delete("installation");
  await old.settle();
  t.is(await idIn(store), "a");
  t.deepEqual(old.joined, [], "it belongs to it already");
});

test("the bucket of another installation is refused, and not changed", async (t) => {
  const store = newStore();
  await replica(store, "a").settle();
  const other = replica(store, "b");
  await t.throwsAsync(other.check(), {
    code: "OTHER_INSTALLATION",
    message: /belongs to installation b, but .* to a: /,
  });
  await other.settle();
  t.deepEqual(other.types(), ["installation.differs"]);
  t.is(await idIn(store), "a");
});

for (const [what, value] of [
  ["garbage", Buffer.from("garbage")],
  ["nothing", Buffer.alloc(0)],
  [
    "an id without its MAC",
    Buffer.from(JSON.stringify({ kek: "kek-1", mac: "", body: '{"kind":"signet installation","id":"b"}' })),
  ],
  ["another record under a good MAC", wrapBody('{"kind":"signet backup of keys","id":"b"}', KEYS)],
  ["an id that is none, under a good MAC", wrapBody('{"kind":"signet installation","id":"\\n"}', KEYS)],
] as const) {
  test(`${what} in the bucket stops no start, and is mended by a replica that has the id`, async (t) => {
    const store = newStore();
    await replace(store, value);
    const newcomer = replica(store, undefined);
    await newcomer.check();
    await newcomer.settle();
    t.deepEqual([newcomer.joined, newcomer.types()], [[], ["installation.stray"]], "it makes no second id");
    const old = replica(store, "a");
    await old.check();
    await old.settle();
    t.deepEqual(old.types(), ["installation.stray"]);
    t.is(await idIn(store), "a");
  });
}

test("the entry moves to the next KEK, and a replica that lacks it leaves the entry as it is", async (t) => {
  const store = newStore();
  await replica(store, "a").settle();
  await replica(store, "a", NEXT_KEYS).settle();
  t.is(await idIn(store, LATER_KEYS), "a");
  const late = replica(store, "a");
  await late.check();
  await late.settle();
  t.deepEqual(late.types(), ["installation.stray"]);
  t.is(await idIn(store, LATER_KEYS), "a");
});
