import test, { type ExecutionContext } from "ava";
import { wrapBody } from "../../../src/keys/store/authenticated-record.ts";
import { PATIENCE_MS } from "../../../src/keys/store/vigil.ts";
import type { KeyValue } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { start } from "../rotating/ring-under-test.ts";
import { acme, lookUp, newSecret, openReplica, problemOf, type Replica } from "./secrets-under-test.ts";

const GARBAGE = Buffer.from("garbage");
const place = (epoch: number | string) => `secrets/hivekit/YWNtZQ/epoch/${epoch}`;
const memory = () => createMemoryKeyValue(() => start);

/** Writes over whatever lies there, as any client of the store may. */
async function overwrite(store: KeyValue, key: string, value: Uint8Array): Promise<void> {
  const entry = await store.get(key);
  if (entry === undefined) await store.create(key, value);
  else await store.update(key, value, entry.revision);
}

async function started(t: ExecutionContext, replica: Replica): Promise<Replica> {
  replica.secrets.start();
  t.teardown(() => replica.secrets.stop());
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  return replica;
}

/** A store with epoch 2 of a tenant's secrets, and the secret that signs. */
async function imported() {
  const store = memory();
  const replica = await openReplica(store);
  await replica.import(newSecret(), { keyId: "old" });
  const secret = newSecret();
  await replica.import(secret, { keyId: "k1" });
  return { store, replica, secret };
}

const signs = (replica: Replica) => problemOf(() => replica.secrets.keysOf(acme).signer(start));

for (const key of [place(999), place(4), place("x"), place("03"), "secrets/hivekit/stray", "secrets/x"]) {
  test(`a stray entry (${key}) stops neither signing nor verifying nor an import`, async (t) => {
    const { store, replica, secret } = await imported();
    await started(t, replica);
    await overwrite(store, key, GARBAGE);
    const fresh = await openReplica(store);
    t.deepEqual(fresh.events, [{ type: "secrets.strays", count: 1, keys: [key] }]);
    for (const one of [replica, fresh]) {
      t.is(await signs(one), "done");
      t.is(lookUp(one, "k1", secret), "verifies");
    }
    await fresh.import(newSecret());
    t.is(fresh.secrets.keysOf(acme).epoch, 3);
  });
}

test("garbage at the next place does not stop a replica that has watched the place, and the next import is written over it", async (t) => {
  const { store, replica, secret } = await imported();
  await started(t, replica);
  await overwrite(store, place(3), GARBAGE);
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  t.is(await signs(replica), "done");
  await replica.import(newSecret(), { keyId: "k2" });
  t.is(replica.secrets.keysOf(acme).epoch, 3);
  t.is(lookUp(replica, "k1", secret), "verifies");
  t.is((await openReplica(store)).secrets.keysOf(acme).epoch, 3);
});

test("nor one that learned of the ring by its watch", async (t) => {
  const store = memory();
  const watching = await started(t, await openReplica(store));
  const secret = newSecret();
  await (await openReplica(store)).import(secret, { keyId: "k1" });
  await waitUntil("it is known", async () => watching.secrets.keysOf(acme).epoch === 1);
  await overwrite(store, place(2), GARBAGE);
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  t.is(await signs(watching), "done");
});

test("a replica that starts over garbage verifies, signs and imports nothing, and writes the ring over it after a while", async (t) => {
  const { store, secret } = await imported();
  await overwrite(store, place(3), GARBAGE);
  const replica = await openReplica(store);
  t.is(await signs(replica), "KEYS_UNAVAILABLE");
  t.is(await problemOf(() => replica.import(newSecret())), "KEYS_UNAVAILABLE");
  t.is(lookUp(replica, "k1", secret), "verifies");
  t.like(replica.events, [
    { type: "secrets.unreadable", ...acme, error: { code: "BROKEN_RECORD" } },
    { type: "secrets.strays" },
    { type: "secrets.failed" },
  ]);
  await started(t, replica);
  replica.clock.now += PATIENCE_MS;
  // Another tenant's import wakes up the upkeep.
  await replica.import(newSecret(), { tenant: "other" });
  await waitUntil("the garbage is written over", async () => replica.secrets.keysOf(acme).epoch === 3);
  t.is(await signs(replica), "done");
  t.is(lookUp(replica, "k1", secret), "verifies");
  t.is(lookUp(await openReplica(store), "k1", secret), "verifies");
});

test("an unknown KEK at the next place stops signing, never verifying, and is never written over", async (t) => {
  const { store, replica, secret } = await imported();
  const foreign = memory();
  await (await openReplica(foreign, ["two"])).import(newSecret());
  const bytes = (await foreign.get(place(1)))?.value ?? GARBAGE;
  await started(t, replica);
  await overwrite(store, place(3), bytes);
  await waitUntil("it is seen", async () => (await signs(replica)) === "KEYS_UNAVAILABLE");
  const fresh = await started(t, await openReplica(store));
  for (const one of [replica, fresh]) {
    one.clock.now += PATIENCE_MS;
    await one.import(newSecret(), { tenant: `other ${one.events.length}` });
    t.is(await signs(one), "KEYS_UNAVAILABLE");
    t.is(lookUp(one, "k1", secret), "verifies");
  }
  t.deepEqual((await store.get(place(3)))?.value, bytes);
  await store.delete(place(3));
  await waitUntil("it signs again", async () => (await signs(replica)) === "done");
});

test("garbage in place of what can't be read may hide an epoch, also for a replica that watched", async (t) => {
  const foreign = memory();
  await (await openReplica(foreign, ["two"])).import(newSecret());
  const underOtherKek = (await foreign.get(place(1)))?.value ?? GARBAGE;
  for (const later of [undefined, JSON.stringify({ version: 2, ...acme, epoch: 3 })]) {
    const { store, replica, secret } = await imported();
    await started(t, replica);
    await overwrite(store, place(3), later === undefined ? underOtherKek : wrapBody(later, replica.recordKeys));
    await waitUntil("it is seen", async () => (await signs(replica)) === "KEYS_UNAVAILABLE");
    for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
    await overwrite(store, place(3), GARBAGE);
    for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
    t.is(await signs(replica), "KEYS_UNAVAILABLE", later);
    t.is(lookUp(replica, "k1", secret), "verifies");
    t.deepEqual(Buffer.from((await store.get(place(3)))?.value ?? []), GARBAGE);
  }
});

test("an authentic epoch that can't be parsed stops signing, and never verifying", async (t) => {
  const { store, replica, secret } = await imported();
  await started(t, replica);
  const later = wrapBody(JSON.stringify({ version: 2, ...acme, epoch: 3 }), replica.recordKeys);
  await overwrite(store, place(3), later);
  await waitUntil("it is seen", async () => (await signs(replica)) === "KEYS_UNAVAILABLE");
  t.is(lookUp(replica, "k1", secret), "verifies");
  t.is(await problemOf(() => replica.import(newSecret())), "KEYS_UNAVAILABLE");
});

test("replays and another tenant's epoch count as nothing", async (t) => {
  const { store, replica, secret } = await imported();
  await replica.import(newSecret(), { tenant: "mallory", keyId: "k1" });
  const newest = (await store.get(place(2)))?.value ?? GARBAGE;
  const theirs = (await store.get("secrets/hivekit/bWFsbG9yeQ/epoch/1"))?.value ?? GARBAGE;
  await started(t, replica);
  for (const [epoch, bytes] of [[3, newest], [4, theirs], [900, newest]] as const) // biome-ignore format: one line
    await overwrite(store, place(epoch), bytes);
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  t.is(await signs(replica), "done");
  t.is(lookUp(replica, "k1", secret), "verifies");
  t.is(replica.secrets.keysOf(acme).epoch, 2);
});

test("no first secret is stored while an entry lies under its prefix", async (t) => {
  for (const epoch of [1, 2, 999, "x"]) {
    const store = memory();
    const replica = await started(t, await openReplica(store));
    await overwrite(store, place(epoch), GARBAGE);
    const late = await openReplica(store);
    t.is(await problemOf(() => late.import(newSecret())), "KEYS_UNAVAILABLE", `${epoch}`);
    await waitUntil("it is seen", async () => (await signs(replica)) === "KEYS_UNAVAILABLE");
    t.is(await problemOf(() => replica.import(newSecret())), "KEYS_UNAVAILABLE", `${epoch}`);
    t.is((await store.list("")).length, 1, `${epoch}`);
  }
});

test("a flood of rings that can't be read is reported in bounds", async (t) => {
  const store = memory();
  for (let at = 0; at < 2_000; at++)
    await store.create(`secrets/hivekit/${Buffer.from(`t${at}`).toString("base64url")}/epoch/1`, GARBAGE);
  const { secret } = await imported();
  const replica = await openReplica(store);
  t.true(replica.events.length <= 21, `${replica.events.length}`);
  await replica.import(secret, { keyId: "k1" });
  t.is(lookUp(replica, "k1", secret), "verifies");
});
