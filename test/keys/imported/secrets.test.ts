import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openFileKeyValue } from "../../../src/state/file.ts";
import type { KeyValue } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { hour, start } from "../rotating/ring-under-test.ts";
import { acme, input, lookUp, mac, newSecret, openReplica, problemOf } from "./secrets-under-test.ts";

const stores: Record<string, (t: ExecutionContext) => Promise<KeyValue>> = {
  memory: async () => createMemoryKeyValue(() => start),
  files: async (t) => {
    const store = await openFileKeyValue(join(await tempFolder(t), "state.db"), () => start);
    t.teardown(() => store.close());
    return store;
  },
};

for (const [name, open] of Object.entries(stores)) {
  test(`${name}: an imported secret signs and verifies at once, and after a restart`, async (t) => {
    const store = await open(t);
    const before = await openReplica(store);
    const secret = newSecret();
    const { key } = await before.import(secret);
    for (const replica of [before, await openReplica(store)]) {
      const keys = replica.secrets.keysOf(acme);
      t.deepEqual(keys.signer(start)?.sign(input), mac(secret));
      t.deepEqual([keys.signer(start)?.kid, keys.signer(start)?.alg], [key.kid, "HS256"]);
      t.is(lookUp(replica, key.kid, secret), "verifies");
      t.is(keys.epoch, 1);
    }
  });

  test(`${name}: another replica sees an import at once, and when it asks`, async (t) => {
    const store = await open(t);
    const [writer, watcher, asker] = [await openReplica(store), await openReplica(store), await openReplica(store)];
    watcher.secrets.start();
    t.teardown(() => watcher.secrets.stop());
    const secret = newSecret();
    const { key } = await writer.import(secret);
    await waitUntil("the import is seen", async () => lookUp(watcher, key.kid, secret) === "verifies");
    const keys = asker.secrets.keysOf(acme);
    t.deepEqual(keys.verifier(key.kid, start), { state: "unknown" });
    await keys.reload();
    t.is(keys.verifier(key.kid, start).state, "ok");
  });

  test(`${name}: of many imports at once by several replicas none is lost`, async (t) => {
    const store = await open(t);
    const replicas = await Promise.all(Array.from({ length: 4 }, () => openReplica(store)));
    const kids = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(kids.map((keyId, at) => replicas[at % 4]?.import(newSecret(), { keyId })));
    const after = await openReplica(store);
    t.deepEqual(
      after.secrets
        .list(start)
        .map(({ kid }) => kid)
        .toSorted(),
      kids,
    );
    t.is(after.secrets.keysOf(acme).verifiers(start).length, 6);
    t.is(after.secrets.keysOf(acme).epoch, 6);
  });

  test(`${name}: superseded epochs are empty, so that no ended secret stays in the store`, async (t) => {
    const store = await open(t);
    const replica = await openReplica(store);
    await replica.import(newSecret());
    await replica.import(newSecret(), { overlap: { seconds: 0n, nanos: 0 } });
    const values = (await entries(store)).map(({ value }) => Buffer.from(value).toString());
    t.is(values.filter((value) => value === "").length, 1);
    t.is(values.join("").match(/\\"sealed\\"/g)?.length, 1);
  });
}

test("epochs that were emptied long ago raise no alarm when a replica starts, reloads or follows", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const [writer, asker, follower] = [await openReplica(store), await openReplica(store), await openReplica(store)];
  for (const keyId of ["a", "b", "c", "d"]) await writer.import(newSecret(), { keyId });
  const started = await openReplica(store);
  await asker.secrets.keysOf(acme).reload();
  follower.secrets.start();
  t.teardown(() => follower.secrets.stop());
  await waitUntil("the follower is up to date", async () => follower.secrets.keysOf(acme).epoch === 4);
  t.deepEqual([started.events, asker.events, follower.events], [[], [], []]);
});

test("the secrets before a new one verify to the end of the overlap, and then are retired; without a kid the newest is first", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const [old, current] = [newSecret(), newSecret()];
  await replica.import(old, { keyId: "old" });
  await replica.import(current, { keyId: "new", overlap: { seconds: 3600n, nanos: 0 } });
  const keys = replica.secrets.keysOf(acme);
  const kids = () => keys.verifiers(replica.clock.now).map(({ kid }) => kid);
  t.deepEqual(kids(), ["new", "old"]);
  replica.clock.now = start + hour - 1;
  t.deepEqual([lookUp(replica, "old", old), kids()], ["verifies", ["new", "old"]]);
  replica.clock.now = start + hour;
  t.deepEqual([lookUp(replica, "old", old), kids()], ["retired", ["new"]]);
  t.is(lookUp(replica, "new", current), "verifies");
  t.is(keys.signer(start)?.kid, "new");
});

test("the same kid of two tenants names two secrets, and a tenant that nothing is known of has none", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const other = { ...acme, tenant: "other" };
  const [mine, theirs] = [newSecret(), newSecret()];
  await replica.import(mine, { keyId: "k1" });
  await replica.import(theirs, { keyId: "k1", tenant: "other" });
  t.is(lookUp(replica, "k1", mine), "verifies");
  t.is(lookUp(replica, "k1", theirs), "another secret");
  t.is(lookUp(replica, "k1", theirs, other), "verifies");
  const unknown = replica.secrets.keysOf({ ...acme, tenant: "unknown" });
  t.deepEqual(unknown.verifier("k1", start), { state: "unknown" });
  t.deepEqual([unknown.signer(start), unknown.verifiers(start), unknown.epoch], [undefined, [], 0]);
});

test("the other encoding that fits is returned, only for secrets that verify now", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const secret = newSecret();
  await replica.import(secret, { encoding: "utf8", profile: "reactive", tenant: "" });
  const keys = replica.secrets.keysOf({ profile: "reactive", tenant: "" });
  t.is(keys.otherReading(input, mac(secret), start), "base64");
  t.is(keys.otherReading(input, mac(newSecret()), start), undefined);
  t.is(keys.otherReading(input, mac(secret, "utf8"), start), undefined);
  await replica.import(newSecret(), { profile: "reactive", tenant: "", overlap: { seconds: 0n, nanos: 0 } });
  t.is(keys.otherReading(input, mac(secret), start), undefined);
});

test("a secret that is distrusted signs no more, still verifies, and the next import signs", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  const secret = newSecret();
  await replica.import(secret, { keyId: "k1" });
  const keys = replica.secrets.keysOf(acme);
  keys.distrust("k1");
  t.is(keys.signer(start), undefined);
  t.is(replica.secrets.keysOf(acme).signer(start), undefined);
  t.is(lookUp(replica, "k1", secret), "verifies");
  t.is(replica.secrets.list(start)[0]?.state, "retired");
  t.deepEqual(replica.events, [{ type: "secrets.distrusted", ...acme, kid: "k1" }]);
  await replica.import(newSecret(), { keyId: "k2" });
  t.is(keys.signer(start)?.kid, "k2");
});

test("after a change of the KEK all is sealed again at the start, so that the earlier one can be withdrawn", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const before = await openReplica(store, ["one"]);
  const [old, current] = [newSecret(), newSecret()];
  await before.import(old, { keyId: "old" });
  await before.import(current, { keyId: "new" });
  const fingerprint = before.secrets.list(start)[0]?.fingerprint;

  const both = await openReplica(store, ["two", "one"]);
  t.is(lookUp(both, "old", old), "verifies");
  both.secrets.start();
  await waitUntil("the secrets are sealed again", async () => both.secrets.keysOf(acme).epoch === 3);
  await both.secrets.stop();

  const after = await openReplica(store, ["two"]);
  t.is(lookUp(after, "old", old), "verifies");
  t.is(lookUp(after, "new", current), "verifies");
  t.not(after.secrets.list(start)[0]?.fingerprint, fingerprint);
  after.secrets.start();
  await after.secrets.stop();
  t.is(after.secrets.keysOf(acme).epoch, 3, "nothing is left to do");
});

test("an import seals those before it under the current KEK too", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const old = newSecret();
  await (await openReplica(store, ["one"])).import(old, { keyId: "old" });
  await (await openReplica(store, ["two", "one"])).import(newSecret(), { keyId: "new" });
  t.is(lookUp(await openReplica(store, ["two"]), "old", old), "verifies");
});

test("the texts of secrets that are over are dropped at the start", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const before = await openReplica(store);
  await before.import(newSecret(), { keyId: "old" });
  await before.import(newSecret(), { keyId: "new", overlap: { seconds: 3600n, nanos: 0 } });
  const later = await openReplica(store);
  later.clock.now = start + hour;
  later.secrets.start();
  await waitUntil("the epoch is made", async () => later.secrets.keysOf(acme).epoch === 3);
  await later.secrets.stop();
  const text = (await entries(store)).map(({ value }) => Buffer.from(value).toString()).join("");
  t.is(text.match(/\\"sealed\\"/g)?.length, 1);
  t.is(lookUp(later, "old", ""), "retired");
});

test("of two replicas whose KEKs are exchanged one after the other, the first seals again and the second does not", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const second = await openReplica(store, ["old", "new"]);
  await second.import(newSecret());
  const first = await openReplica(store, ["new", "old"]);
  for (const { secrets } of [second, first]) {
    secrets.start();
    t.teardown(() => secrets.stop());
  }
  await waitUntil("the second has what the first sealed", async () => second.secrets.keysOf(acme).epoch === 2);
  // It wakes up the second, which looks at all rings in their order.
  await second.import(newSecret(), { tenant: "zoo" });
  await second.import(newSecret(), { tenant: "zoo" });
  for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
  t.is(first.secrets.keysOf(acme).epoch, 2);
});

test("the text of a secret that no longer verifies is dropped while the service runs", async (t) => {
  const replica = await openReplica(createMemoryKeyValue(() => start));
  replica.secrets.start();
  t.teardown(() => replica.secrets.stop());
  await replica.import(newSecret(), { keyId: "old" });
  await replica.import(newSecret(), { keyId: "new", overlap: { seconds: 3600n, nanos: 0 } });
  replica.clock.now = start + hour;
  // Another tenant's import wakes it up before its hour is over.
  await replica.import(newSecret(), { tenant: "other" });
  await waitUntil("the epoch is made", async () => replica.secrets.keysOf(acme).epoch === 3);
  t.is((await replica.stored()).join("").match(/\\"sealed\\"/g)?.length, 2);
  t.is(lookUp(replica, "old", ""), "retired");
});

for (const [what, spoil] of Object.entries({
  "under another KEK": async (store: KeyValue) => {
    await (await openReplica(store, ["another"])).import(newSecret(), { tenant: "acme" });
  },
  damaged: async (store: KeyValue) => {
    await (await openReplica(store)).import(newSecret());
    await replace(store, (value) => Buffer.from(value).fill(0x20, 0, 1));
  },
  emptied: async (store: KeyValue) => {
    await (await openReplica(store)).import(newSecret());
    await replace(store, () => new Uint8Array());
  },
  "another tenant's": async (store: KeyValue) => {
    const replica = await openReplica(store);
    await replica.import(newSecret(), { tenant: "mallory" });
    const [entry] = await entries(store);
    await store.create("secrets/hivekit/YWNtZQ/epoch/1", entry?.value ?? new Uint8Array());
  },
})) {
  test(`secrets whose only record is ${what} are KEYS_UNAVAILABLE and reported; others are served`, async (t) => {
    const store = createMemoryKeyValue(() => start);
    await spoil(store);
    const replica = await openReplica(store);
    const secret = newSecret();
    await replica.import(secret, { tenant: "fine", keyId: "k1" });
    t.is(lookUp(replica, "k1", secret, { ...acme, tenant: "fine" }), "verifies");
    t.is(await problemOf(() => replica.secrets.keysOf(acme)), "KEYS_UNAVAILABLE");
    // Never new secrets over those that can't be read.
    t.is(await problemOf(() => replica.import(newSecret())), "KEYS_UNAVAILABLE");
    t.like(replica.events[0], { type: "secrets.unreadable", profile: "hivekit", tenant: "acme" });
    t.is(replica.secrets.list(start).filter(({ tenant }) => tenant === "acme").length, 0);
  });
}

test("an entry that is not an epoch is reported and affects no other", async (t) => {
  const store = createMemoryKeyValue(() => start);
  await store.create("secrets/hivekit/stray", Buffer.from("x"));
  const replica = await openReplica(store);
  t.deepEqual(replica.events, [{ type: "secrets.strays", count: 1, keys: ["secrets/hivekit/stray"] }]);
  t.is((await replica.import(newSecret())).overlapping, 0);
});

test("with a failing store opening is refused, and a caller that waits for a reload gets the error", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const replica = await openReplica(store);
  const keys = replica.secrets.keysOf(acme);
  store.close();
  await t.throwsAsync(openReplica(store), { code: "UNREADABLE" });
  await t.throwsAsync(async () => keys.reload(), { code: "UNREADABLE" });
  t.is(await problemOf(() => replica.import(newSecret())), "KEYS_UNAVAILABLE");
});

test("secrets of a thousand tenants are listed in order, and each is opened when it is asked for", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const replica = await openReplica(store);
  const tenants = Array.from({ length: 1000 }, (_, at) => `tenant ${String(at).padStart(4, "0")}`);
  await Promise.all(tenants.map((tenant) => replica.import(newSecret(), { tenant })));
  const again = await openReplica(store);
  t.deepEqual(
    again.secrets.list(start).map(({ tenant }) => tenant),
    tenants,
  );
  for (const tenant of tenants) t.is(again.secrets.keysOf({ ...acme, tenant }).verifiers(start).length, 1);
});

async function entries(store: KeyValue) {
  const found = [];
  for await (const change of store.watch("secrets/", new AbortController().signal)) {
    if (change.type === "current") break;
    if (change.type === "put") found.push(change.entry);
  }
  return found;
}

/** Changes the value of each entry. */
async function replace(store: KeyValue, change: (value: Uint8Array) => Uint8Array): Promise<void> {
  for (const { key, value, revision } of await entries(store)) await store.update(key, change(value), revision);
}
