import test, { type ExecutionContext } from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { openKeyring } from "../../../src/keys/rotating/keyring.ts";
import type { KeyringOptions, RingSnapshot } from "../../../src/keys/rotating/options.ts";
import { type KeyValue, StateError } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { makeOptions, underKeks } from "./keyring-under-test.ts";
import { day, minute, start } from "./ring-under-test.ts";

/** What a replica remembers, in memory. */
function remembered() {
  const snapshot: RingSnapshot & { bytes?: Uint8Array } = {
    load: async () => snapshot.bytes,
    async save(record) {
      snapshot.bytes = record;
    },
  };
  return snapshot;
}

/** A store that can be cut off, and exchanged for an empty one. */
function fragile(initial: KeyValue) {
  const state = { inner: initial, cut: false };
  const reached = (): KeyValue => {
    if (state.cut) throw new StateError("UNAVAILABLE", "unreachable");
    return state.inner;
  };
  const store: KeyValue = {
    get: async (key) => reached().get(key),
    create: async (...args) => reached().create(...args),
    update: async (...args) => reached().update(...args),
    writeAll: async (writes) => reached().writeAll(writes),
    delete: async (key) => reached().delete(key),
    list: async (prefix) => reached().list(prefix),
    watch: (...args) => reached().watch(...args),
  };
  return { state, store };
}

const empty = () => createMemoryKeyValue(() => start);

async function codeOf(options: KeyringOptions): Promise<string> {
  return openKeyring(options).then(
    () => "opened",
    (error) => (error instanceof KeyringError ? error.code : String(error)),
  );
}

/** Epoch 2 in the store and in the snapshot. */
async function replica(t: ExecutionContext) {
  const snapshot = remembered();
  const { state, store } = fragile(empty());
  const made = makeOptions({ store, snapshot });
  const keyring = await openKeyring(made.options);
  made.clock.now = start + day;
  await keyring.maintain();
  t.is(keyring.epoch, 2);
  const { options, events, clock } = makeOptions({ store, snapshot, noFirstKeys: "others make them" });
  clock.now = start + day;
  return { keyring, snapshot, state, store, clock, events, options, first: made };
}

test("without the store the ring is served from the snapshot, and the outage is reported", async (t) => {
  const { options, events, state, keyring, clock } = await replica(t);
  state.cut = true;
  const again = await openKeyring(options);
  t.deepEqual(again.list(clock.now), keyring.list(clock.now));
  t.is(again.signer(clock.now)?.kid, keyring.signer(clock.now)?.kid);
  t.like(events, [{ type: "problem", error: { code: "UNREADABLE" } }]);
  state.cut = false;
  await t.notThrowsAsync(again.maintain());
});

test("without the store and without a snapshot nothing is opened", async (t) => {
  const { state, store } = fragile(empty());
  state.cut = true;
  t.is(await codeOf(makeOptions({ store, snapshot: remembered() }).options), "UNREADABLE");
});

test("a store that was lost gets the epoch back, byte for byte, and no other is made", async (t) => {
  const { keyring, state, snapshot, clock, first } = await replica(t);
  state.inner = empty();
  const before = keyring.list(clock.now);
  await keyring.maintain();
  const entry = await state.inner.get("keys/service/epoch/2");
  t.true(entry !== undefined && Buffer.compare(entry.value, snapshot.bytes ?? Buffer.alloc(0)) === 0);
  t.is(await state.inner.get("keys/service/epoch/1"), undefined);
  t.deepEqual(keyring.list(clock.now), before);
  t.deepEqual(first.events.at(-1), { type: "restored", keyset: "service", epoch: 2, found: 0 });
});

test("a lost store that can't store the epoch again yet does not stop the ring from signing: it holds nothing newer", async (t) => {
  const { keyring, state, clock } = await replica(t);
  const failing = async () => Promise.reject(new StateError("UNAVAILABLE", "disk full"));
  state.inner = { ...empty(), create: failing };
  const error = await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError });
  t.is(error?.code, "UNREADABLE");
  t.not(keyring.signer(clock.now), undefined);
});

test("a store that refuses an epoch and does not hold it either is not asked again and again", async (t) => {
  const { keyring, state, first } = await replica(t);
  state.inner = { ...state.inner, create: async () => undefined };
  first.clock.now = start + 2 * day;
  const error = await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError });
  t.regex(error?.message ?? "", /^the store refuses to create an epoch that it does not hold/);
  t.is(keyring.epoch, 2);
});

test("a start over a lost store writes the snapshot's epoch into it", async (t) => {
  const { options, events, state, keyring, clock } = await replica(t);
  state.inner = empty();
  const again = await openKeyring(options);
  t.deepEqual(again.list(clock.now), keyring.list(clock.now));
  t.deepEqual(events, [{ type: "restored", keyset: "service", epoch: 2, found: 0 }]);
});

test("a store that was rolled back continues from the highest epoch that a replica has held", async (t) => {
  const { keyring, state, clock, first } = await replica(t);
  const old = empty();
  await openKeyring({ ...first.options, store: old, snapshot: undefined, now: () => start });
  state.inner = old;
  await keyring.maintain();
  t.deepEqual(first.events.at(-1), { type: "restored", keyset: "service", epoch: 2, found: 1 });
  clock.now = first.clock.now = start + 2 * day;
  await keyring.maintain();
  t.is(keyring.epoch, 3);
});

test("if the store has another record of the epoch in use, all replicas adopt the store's", async (t) => {
  const { keyring, state, first } = await replica(t);
  const other = empty();
  const there = await openKeyring({ ...first.options, store: other, snapshot: undefined, now: () => start });
  await there.revoke(there.signer(start)?.kid ?? "", "a test");
  t.is(there.epoch, 2);
  state.inner = other;
  first.clock.now = start;
  await keyring.maintain();
  t.deepEqual(keyring.list(start), there.list(start));
});

test("keys that have signed and are not in the store's ring are reported as dropped, at a start as well", async (t) => {
  const { keyring, state, snapshot, clock, first, options, events } = await replica(t);
  const signed = keyring.list(clock.now).filter(({ signFrom }) => signFrom <= clock.now);
  const kids = signed.map(({ kid }) => kid).toSorted();
  const bytes = snapshot.bytes;
  const other = empty();
  const there = await openKeyring({ ...first.options, store: other, snapshot: undefined, now: () => start });
  for (const { kid } of there.list(start)) await there.revoke(kid, "a test");
  t.is(there.epoch, 4);
  state.inner = other;
  const before = first.events.length;
  await keyring.maintain();
  t.is(kids.length, 2);
  const dropped = { type: "dropped", keyset: "service", epoch: 4 } as const;
  const event = first.events[before];
  t.like(event, dropped);
  t.deepEqual(event?.type === "dropped" && event.kids.toSorted(), kids);
  snapshot.bytes = bytes ?? Buffer.alloc(0);
  await openKeyring(options);
  t.like(events[0], { ...dropped, epoch: keyring.epoch });
});

test("no rotation and no revocation of one's own keys drops one", async (t) => {
  const { keyring, first, options, clock } = await replica(t);
  const behind = makeOptions({ store: options.store });
  behind.clock.now = clock.now;
  const follower = await openKeyring(behind.options);
  for (let days = 2; days < 6; days += 1) {
    first.clock.now = start + days * day;
    await keyring.maintain();
    await keyring.revoke(keyring.signer(first.clock.now)?.kid ?? "", "a test");
  }
  behind.clock.now = first.clock.now;
  await follower.maintain();
  t.is(follower.epoch, keyring.epoch);
  t.deepEqual(
    [...first.events, ...behind.events].filter(({ type }) => type === "dropped" || type === "unrevoked"),
    [],
  );
});

/**
 * A store that was lost when this replica had made epoch 3, in which two keys are revoked, and another one knew the
 * first epoch only: that one made another epoch 3, in which they are not.
 */
async function forgottenRevocations(mayPlan: () => boolean = () => true) {
  const { state, store } = fragile(empty());
  const here = makeOptions({ store, snapshot: remembered(), mayPlan });
  const there = makeOptions({ store, snapshot: remembered() });
  const keyring = await openKeyring(here.options);
  const other = await openKeyring(there.options);
  const kidIn = (wanted: string) => keyring.list(start).find((key) => key.state === wanted)?.kid ?? "";
  const [active, next, standby] = [kidIn("active"), kidIn("published"), kidIn("standby")];
  await keyring.revoke(active, "one");
  await keyring.revoke(next, "two");
  state.inner = empty();
  await other.revoke(standby, "three");
  await other.rotate();
  here.clock.now = there.clock.now = start + minute;
  return { here, keyring, other, state, active, next, standby };
}

test("what was revoked and is not in the store's ring is revoked again before that ring is used", async (t) => {
  const { here, keyring, other, active, next, standby } = await forgottenRevocations();
  t.deepEqual([keyring.epoch, other.epoch], [3, 3]);
  t.is(other.verifier(active, here.clock.now).state, "ok");
  const before = here.events.length;
  await keyring.maintain();
  await other.maintain();
  for (const ring of [keyring, other]) {
    t.is(ring.epoch, 5);
    for (const kid of [active, next, standby]) t.is(ring.verifier(kid, here.clock.now).state, "revoked");
  }
  t.like(here.events.slice(before), [
    { type: "unrevoked", keyset: "service", epoch: 3, kid: active },
    { type: "epoch.created", epoch: 4, reason: "emergency" },
    { type: "unrevoked", keyset: "service", epoch: 4, kid: next },
    { type: "epoch.created", epoch: 5, reason: "emergency" },
  ]);
});

test("a replica that may not revoke again yet signs nothing, and does not adopt the store's ring", async (t) => {
  let trusted = true;
  const { here, keyring, active } = await forgottenRevocations(() => trusted);
  trusted = false;
  const error = await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError });
  t.is(error?.code, "WAITING");
  t.is(keyring.signer(here.clock.now), undefined);
  t.is(keyring.verifier(active, here.clock.now).state, "revoked");
  trusted = true;
  await keyring.maintain();
  t.is(keyring.epoch, 5);
});

test("a store that refuses the epoch that revokes again is an error, and nothing signs", async (t) => {
  const { here, keyring, state } = await forgottenRevocations();
  state.inner = { ...state.inner, create: async () => undefined };
  const error = await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError });
  t.is(error?.code, "UNREADABLE");
  t.is(keyring.signer(here.clock.now), undefined);
});

test("a replica that may not make the first ring waits, says for what, and makes nothing", async (t) => {
  const { options } = makeOptions({ noFirstKeys: "others make them" });
  const error = await t.throwsAsync(openKeyring(options), { instanceOf: KeyringError });
  t.is(error?.code, "WAITING");
  t.is(error?.message, "keyset service has no keys: others make them");
  t.is(await options.store.get("keys/service/epoch/1"), undefined);
  await openKeyring(makeOptions({ store: options.store }).options);
  t.is((await openKeyring(options)).epoch, 1);
});

test("a clock or a contact that is not to be trusted plans nothing", async (t) => {
  let trusted = false;
  const { options, clock } = makeOptions({ mayPlan: () => trusted });
  t.is(await codeOf(options), "WAITING");
  trusted = true;
  const keyring = await openKeyring(options);
  trusted = false;
  clock.now = start + day;
  await keyring.maintain();
  t.is(keyring.epoch, 1);
  trusted = true;
  await keyring.maintain();
  t.is(keyring.epoch, 2);
});

test("a damaged snapshot is reported and replaced by what the store holds", async (t) => {
  const { options, events, snapshot, clock } = await replica(t);
  const good = snapshot.bytes;
  snapshot.bytes = Buffer.from("damaged");
  const keyring = await openKeyring(options);
  t.not(keyring.signer(clock.now), undefined);
  t.like(events, [{ type: "problem", error: { code: "BROKEN_RECORD" } }]);
  t.true(Buffer.compare(snapshot.bytes, good ?? Buffer.alloc(0)) === 0);
});

test("no new ring is made over a snapshot that can't be read", async (t) => {
  const { options, state, snapshot } = await replica(t);
  state.inner = empty();
  t.is(await codeOf({ ...options, ...underKeks("two"), noFirstKeys: undefined }), "WRONG_KEK");
  snapshot.bytes = Buffer.from("damaged");
  t.is(await codeOf({ ...options, noFirstKeys: undefined }), "BROKEN_RECORD");
  t.is(await state.inner.get("keys/service/epoch/1"), undefined);
});

test("the snapshot of another keyset is not taken", async (t) => {
  const { options } = await replica(t);
  t.is(await codeOf({ ...options, keyset: "other", store: empty() }), "BROKEN_RECORD");
});
