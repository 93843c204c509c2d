import test from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { type Keyring, openKeyring } from "../../../src/keys/rotating/keyring.ts";
import type { KeyringOptions } from "../../../src/keys/rotating/options.ts";
import { wrapBody } from "../../../src/keys/store/authenticated-record.ts";
import { PATIENCE_MS } from "../../../src/keys/store/vigil.ts";
import type { Change, KeyValue } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { makeOptions, underKeks } from "./keyring-under-test.ts";
import { day, start } from "./ring-under-test.ts";

const GARBAGE = Buffer.from("garbage");
const place = (epoch: number | string) => `keys/service/epoch/${epoch}`;

/** Writes over whatever lies there, as any client of the store may. */
async function overwrite(store: KeyValue, epoch: number | string, value: Uint8Array): Promise<void> {
  const entry = await store.get(place(epoch));
  if (entry === undefined) await store.create(place(epoch), value);
  else await store.update(place(epoch), value, entry.revision);
}

async function bytesAt(store: KeyValue, epoch: number): Promise<Buffer> {
  return Buffer.from((await store.get(place(epoch)))?.value ?? []);
}

/** What a replica remembers, in memory. */
function remembered(before?: Uint8Array) {
  let bytes = before;
  return {
    load: async () => bytes,
    save: async (record: Uint8Array) => {
      bytes = record;
    },
    copy: () => remembered(bytes),
  };
}

/** A ring at epoch 3 whose first key is revoked, and what its replica remembers. */
async function replica(overrides: Partial<KeyringOptions> = {}) {
  const snapshot = remembered();
  const made = makeOptions({ snapshot, ...overrides });
  const { store } = made.options;
  const keyring = await openKeyring(made.options);
  await keyring.revoke(keyring.signer(start)?.kid ?? "", "a test");
  made.clock.now = start + day;
  await keyring.maintain();
  const signs = (ring: Keyring) => ring.signer(made.clock.now) !== undefined;
  /** Another replica that starts now, with or without a copy of its own, and its events. */
  const begin = async (own: Partial<KeyringOptions> = { snapshot: snapshot.copy() }) => {
    const other = makeOptions({ store, now: () => made.clock.now, noFirstKeys: "others make them", ...own });
    return { ring: await openKeyring(other.options), events: other.events };
  };
  return { ...made, store, keyring, snapshot, signs, begin };
}

/** Starts a keyring, and resolves when it has looked at the store since its watch began. */
async function started(t: { teardown: (end: () => Promise<void>) => void }, keyring: Keyring): Promise<void> {
  keyring.start();
  t.teardown(() => keyring.stop());
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
  await keyring.maintain();
}

for (const [what, epoch] of Object.entries({ "far beyond": 999, "two beyond": 5, unnamed: "x", padded: "04" })) {
  test(`a stray entry (${what}) stops neither a running replica nor one that starts, and rotation goes on`, async (t) => {
    const { keyring, store, begin, signs, clock, events } = await replica();
    await overwrite(store, epoch, GARBAGE);
    const fresh = await begin({});
    for (const ring of [keyring, fresh.ring]) {
      await ring.maintain();
      t.is(ring.epoch, 3);
      t.true(signs(ring));
    }
    t.deepEqual(fresh.events, [{ type: "strays", keyset: "service", count: 1, keys: [place(epoch)] }]);
    t.deepEqual(events.at(-1), fresh.events[0]);
    clock.now += day;
    await keyring.maintain();
    t.is(keyring.epoch, 4);
    t.true(signs(keyring));
  });
}

test("garbage at the next place does not stop a replica that saw the place free and has watched it since", async (t) => {
  const { keyring, store, signs, clock } = await replica();
  await started(t, keyring);
  await overwrite(store, 4, GARBAGE);
  await keyring.maintain();
  t.true(signs(keyring));
  t.is(keyring.epoch, 3);
  await keyring.revoke(keyring.signer(clock.now)?.kid ?? "", "not even an emergency waits");
  t.is(keyring.epoch, 4);
  t.deepEqual((await bytesAt(store, 4)).subarray(0, 7).toString(), '{"kek":');
});

test("a replica that several epochs have overtaken makes none at a place that was emptied meanwhile", async (t) => {
  const { keyring, store, clock, begin } = await replica();
  let overtake = async () => {};
  const create: KeyValue["create"] = async (...entry) => {
    await overtake();
    return store.create(...entry);
  };
  const late = await begin({ store: { ...store, create } });
  await started(t, late.ring);
  const kid = late.ring.signer(clock.now)?.kid ?? "";
  overtake = async () => {
    overtake = async () => {};
    for (const reason of ["one", "two"]) await keyring.revoke(keyring.signer(clock.now)?.kid ?? "", reason);
  };
  await late.ring.revoke(kid, "late");
  t.is((await bytesAt(store, 4)).byteLength, 0);
  t.is(late.ring.epoch, 5);
  t.deepEqual(late.ring.list(clock.now), keyring.list(clock.now));
  t.deepEqual(
    late.events.filter(({ type }) => type === "epoch.created"),
    [],
  );
});

test("control: one that has not watched can't know, and signs nothing; what it knows verifies", async (t) => {
  const { keyring, store, signs, clock } = await replica();
  const kid = keyring.signer(clock.now)?.kid ?? "";
  await overwrite(store, 4, GARBAGE);
  t.is((await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError }))?.code, "BROKEN_RECORD");
  t.false(signs(keyring));
  t.is(keyring.verifier(kid, clock.now).state, "ok");
});

test("a replica that starts over garbage verifies, signs nothing, and writes the ring over it after a while", async (t) => {
  const { keyring, store, signs, begin, clock } = await replica();
  const kids = keyring.list(clock.now).map(({ kid }) => kid);
  await overwrite(store, 4, GARBAGE);
  for (const own of [undefined, {}]) {
    const { ring, events } = await begin(own);
    t.false(signs(ring));
    t.is(ring.verifiers(clock.now).length, keyring.verifiers(clock.now).length);
    t.like(
      events.filter(({ type }) => type === "problem"),
      [{ error: { code: "BROKEN_RECORD" } }],
    );
  }
  const { ring, events } = await begin();
  await t.throwsAsync(ring.maintain(), { instanceOf: KeyringError });
  clock.now += PATIENCE_MS;
  await ring.maintain();
  t.is(ring.epoch, 4);
  t.true(signs(ring));
  t.deepEqual(
    ring.list(clock.now).map(({ kid }) => kid),
    kids,
  );
  t.deepEqual(events.at(-1), { type: "mended", keyset: "service", epoch: 4 });
  await keyring.maintain();
  t.is(keyring.epoch, 4);
  t.deepEqual(await bytesAt(store, 3), Buffer.alloc(0));
});

test("of replicas that write over the same garbage at once, one wins, and all have its ring", async (t) => {
  const { store, begin, clock } = await replica();
  await overwrite(store, 4, GARBAGE);
  const rings = (await Promise.all([begin(), begin(), begin()])).map(({ ring }) => ring);
  clock.now += PATIENCE_MS;
  await Promise.all(rings.map((ring) => ring.maintain()));
  for (const ring of rings) await ring.maintain();
  t.deepEqual(
    rings.map(({ epoch }) => epoch),
    [4, 4, 4],
  );
  t.is(new Set(rings.map((ring) => JSON.stringify(ring.list(clock.now)))).size, 1);
});

test("an epoch with a revocation that is overwritten is put back by its holder before anything is written over it", async (t) => {
  const { keyring, store, snapshot, begin, signs, clock } = await replica();
  const before = snapshot.copy();
  const kid = keyring.signer(clock.now)?.kid ?? "";
  await keyring.revoke(kid, "stolen");
  const bytes = await bytesAt(store, 4);
  await overwrite(store, 4, GARBAGE);
  const { ring } = await begin({ snapshot: before });
  t.is(ring.epoch, 3);
  t.false(signs(ring), "the key may be revoked");
  await keyring.maintain();
  t.deepEqual(await bytesAt(store, 4), bytes);
  await ring.maintain();
  t.is(ring.verifier(kid, clock.now).state, "revoked");
  t.true(signs(ring));
});

test("if its holder comes too late, the key is revoked again", async (t) => {
  const { keyring, store, snapshot, begin, signs, clock } = await replica();
  const before = snapshot.copy();
  const kid = keyring.signer(clock.now)?.kid ?? "";
  await keyring.revoke(kid, "stolen");
  await overwrite(store, 4, GARBAGE);
  const { ring } = await begin({ snapshot: before });
  clock.now += PATIENCE_MS;
  await ring.maintain();
  t.is(ring.verifier(kid, clock.now).state, "ok");
  await keyring.maintain();
  await ring.maintain();
  for (const one of [keyring, ring]) {
    t.is(one.epoch, 5);
    t.is(one.verifier(kid, clock.now).state, "revoked");
    t.true(signs(one));
  }
});

for (const [what, spoil] of Object.entries({
  "is overwritten": (store: KeyValue) => overwrite(store, 3, GARBAGE),
  "is emptied": (store: KeyValue) => overwrite(store, 3, new Uint8Array()),
  "is deleted": (store: KeyValue) => store.delete(place(3)),
  "and everything else is deleted": async (store: KeyValue) => {
    for (const { key } of await store.list("")) await store.delete(key);
  },
  "is deleted, and a stray lies far above": async (store: KeyValue) => {
    await store.delete(place(3));
    await overwrite(store, 999, GARBAGE);
  },
})) {
  test(`the newest epoch that ${what} is put back, byte for byte, by a running replica and by one that starts`, async (t) => {
    const { keyring, store, begin, signs } = await replica();
    const bytes = await bytesAt(store, 3);
    await spoil(store);
    await keyring.maintain();
    t.deepEqual(await bytesAt(store, 3), bytes);
    t.true(signs(keyring));
    await spoil(store);
    const { ring } = await begin();
    t.deepEqual(await bytesAt(store, 3), bytes);
    t.true(signs(ring));
    t.is(ring.epoch, 3);
  });
}

test("an older epoch again, and the newest one at another place, count as nothing", async (t) => {
  const { keyring, store, begin, clock } = await replica();
  const newest = await bytesAt(store, 3);
  const { options: other } = makeOptions();
  await openKeyring(other);
  await overwrite(store, 1, await bytesAt(other.store, 1));
  await overwrite(store, 900, newest);
  const { ring } = await begin({});
  t.is(ring.epoch, 3);
  await started(t, keyring);
  await overwrite(store, 4, newest);
  await keyring.maintain();
  t.is(keyring.epoch, 3);
  t.not(keyring.signer(clock.now), undefined);
});

test("an unknown KEK at the next place stops signing, and neither verifying nor a start; it is never written over", async (t) => {
  const { keyring, store, begin, signs, clock } = await replica();
  const stranger = makeOptions({ ...underKeks("two"), store: createMemoryKeyValue(() => start) });
  await openKeyring(stranger.options);
  const foreign = await bytesAt(stranger.options.store, 1);
  await started(t, keyring);
  await overwrite(store, 4, foreign);
  const { ring, events } = await begin();
  for (const one of [keyring, ring]) {
    clock.now += PATIENCE_MS;
    t.is((await t.throwsAsync(one.maintain(), { instanceOf: KeyringError }))?.code, "WRONG_KEK");
    t.false(signs(one));
    t.is(one.epoch, 3);
    t.true(one.verifiers(clock.now).length > 0);
  }
  t.deepEqual(await bytesAt(store, 4), foreign);
  t.like(events.at(-1), { type: "problem", error: { code: "WRONG_KEK" } });
  await store.delete(place(4));
  await keyring.maintain();
  t.true(signs(keyring));
});

test("garbage in place of what was under an unknown KEK may hide an epoch, also for a replica that watched", async (t) => {
  const { keyring, store, signs, clock } = await replica();
  const stranger = makeOptions({ ...underKeks("two"), store: createMemoryKeyValue(() => start) });
  await openKeyring(stranger.options);
  await started(t, keyring);
  await overwrite(store, 4, await bytesAt(stranger.options.store, 1));
  await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError, code: "WRONG_KEK" });
  await overwrite(store, 4, GARBAGE);
  await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError, code: "BROKEN_RECORD" });
  t.false(signs(keyring));
  t.deepEqual(await bytesAt(store, 4), GARBAGE);
  clock.now += PATIENCE_MS;
  await keyring.maintain();
  t.is(keyring.epoch, 4);
  t.true(signs(keyring));
});

test("a replica that lacks the KEK of later epochs waits, although those between were emptied", async (t) => {
  const { store, begin, snapshot, signs, clock, options } = await replica();
  const before = snapshot.copy();
  const newer = await openKeyring({ ...options, ...underKeks("two", "one"), snapshot: undefined });
  for (let turn = 0; turn < 2; turn++) await newer.revoke(newer.signer(clock.now)?.kid ?? "", "a test");
  t.is(newer.epoch, 5);
  const { ring } = await begin({ snapshot: before });
  clock.now += PATIENCE_MS;
  t.is((await t.throwsAsync(ring.maintain(), { instanceOf: KeyringError }))?.code, "WRONG_KEK");
  t.false(signs(ring));
  t.deepEqual(await bytesAt(store, 4), Buffer.alloc(0), "nothing was written over it");
});

test("an authentic epoch that can't be parsed stops signing, and neither verifying nor a start with a snapshot", async (t) => {
  const { keyring, store, begin, signs, options } = await replica();
  const later = wrapBody(JSON.stringify({ version: 2, keyset: "service", epoch: 4 }), options.recordKeys);
  await overwrite(store, 4, later);
  const { ring } = await begin();
  for (const one of [keyring, ring]) {
    t.is((await t.throwsAsync(one.maintain(), { instanceOf: KeyringError }))?.code, "BROKEN_RECORD");
    t.false(signs(one));
    t.is(one.epoch, 3);
  }
  t.deepEqual(await bytesAt(store, 4), later);
});

test("an epoch that the watch met, and that is overwritten before it was read, is adopted and put back", async (t) => {
  const { store, options, begin, clock } = await replica();
  const other = await openKeyring({ ...options, snapshot: undefined });
  const { ring } = await begin();
  await started(t, ring);
  const kid = other.signer(clock.now)?.kid ?? "";
  await other.revoke(kid, "stolen");
  // No await in between in which the replica could read it.
  await overwrite(store, 4, GARBAGE);
  await waitUntil("the epoch is adopted", () => ring.epoch === 4);
  await waitUntil("the epoch is back", async () => (await bytesAt(store, 4)).length > GARBAGE.length);
  t.is(ring.verifier(kid, clock.now).state, "revoked");
});

test("after a gap in the watch garbage may hide an epoch, and nothing is signed until it is written over", async (t) => {
  const store = createMemoryKeyValue(() => start);
  let interrupt = () => {};
  const interrupted: KeyValue = {
    ...store,
    async *watch(prefix, signal) {
      let wake = () => {};
      const changes: Change[] = [];
      const reading = (async () => {
        for await (const change of store.watch(prefix, signal)) {
          changes.push(change);
          wake();
        }
      })();
      interrupt = () => {
        changes.push({ type: "gap" });
        wake();
      };
      while (!signal.aborted) {
        const change = changes.shift();
        if (change !== undefined) yield change;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
      }
      await reading;
    },
  };
  const { keyring, signs, clock } = await replica({ store: interrupted });
  await started(t, keyring);
  await overwrite(store, 4, GARBAGE);
  await keyring.maintain();
  t.true(signs(keyring));
  interrupt();
  await waitUntil("nothing is signed", () => !signs(keyring));
  await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError });
  clock.now += PATIENCE_MS;
  await keyring.maintain();
  t.true(signs(keyring));
  t.is(keyring.epoch, 4);
});

test("a client that writes garbage again each time makes the change fail, and does not keep it busy", async (t) => {
  const store = createMemoryKeyValue(() => start);
  let lies = false;
  let offers = 0;
  const lying: KeyValue = {
    ...store,
    async update(key, value, revision, options) {
      offers += 1;
      if (lies) await overwrite(store, 4, GARBAGE);
      return store.update(key, value, revision, options);
    },
  };
  const { keyring, signs, clock } = await replica({ store: lying });
  await started(t, keyring);
  await overwrite(store, 4, GARBAGE);
  lies = true;
  offers = 0;
  const kid = keyring.signer(clock.now)?.kid ?? "";
  await t.throwsAsync(keyring.revoke(kid, "stolen"), { instanceOf: KeyringError });
  t.true(offers > 0 && offers < 10, `${offers}`);
  lies = false;
  await keyring.revoke(kid, "stolen");
  t.is(keyring.verifier(kid, clock.now).state, "revoked");
  t.true(signs(keyring));
});

test("a flood of strays is reported once, and as often as a minute passes", async (t) => {
  const { keyring, store, clock, events, signs } = await replica();
  const reports = () => events.filter(({ type }) => type === "strays").length;
  for (let at = 0; at < 50; at++) {
    await store.create(place(1_000 + at), GARBAGE);
    await keyring.maintain();
  }
  t.is(reports(), 1);
  clock.now += 60_000;
  await keyring.maintain();
  t.is(reports(), 2);
  t.true(signs(keyring));
});
