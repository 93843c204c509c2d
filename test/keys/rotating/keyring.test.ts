import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { type Keyring, openKeyring } from "../../../src/keys/rotating/keyring.ts";
import type { KeyMaker } from "../../../src/keys/vault.ts";
import { openFileKeyValue } from "../../../src/state/file.ts";
import { type KeyValue, StateError } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { makeOptions, underKeks } from "./keyring-under-test.ts";
import { day, hour, minute, policy, second, start } from "./ring-under-test.ts";

const message = Buffer.from("signing input");
const kids = (keyring: Keyring, now: number): string[] => keyring.jwks(now).map(({ kid }) => kid);

test("a new keyset signs at once, and shows the key that comes next and the standby", async (t) => {
  const { options, events } = makeOptions();
  const keyring = await openKeyring(options);
  const signer = keyring.signer(start);
  t.is(keyring.epoch, 1);
  t.deepEqual(
    keyring.list(start).map(({ state }) => state),
    ["standby", "published", "active"],
  );
  t.is(keyring.jwks(start).length, 3);
  t.is(keyring.jwks(start)[2]?.kid, signer?.kid);
  t.is(keyring.nextRotation(start), start + day);
  t.deepEqual(events, [
    {
      type: "epoch.created",
      keyset: "service",
      epoch: 1,
      reason: "first",
      added: kids(keyring, start).reverse(),
      removed: [],
      next: { kid: signer?.kid ?? "", signFrom: start },
    },
  ]);
});

test("a keyset that joins a shown JWKS signs after its lead", async (t) => {
  const { options } = makeOptions({ jwksMayBeCached: true });
  const keyring = await openKeyring(options);
  t.is(keyring.signer(start + policy.lead - 1), undefined);
  t.is(keyring.nextRotation(start), start + 17 * 60_000);
  t.is(keyring.signer(start + policy.lead)?.kid, kids(keyring, start)[2]);
});

test("what the signer signs verifies under its kid, and nothing else does", async (t) => {
  const { options } = makeOptions();
  const keyring = await openKeyring(options);
  const signer = keyring.signer(start);
  const signature = signer?.sign(message) ?? Buffer.alloc(0);
  const found = keyring.verifier(signer?.kid ?? "", start);
  t.true(found.state === "ok" && found.key.verify(message, signature));
  t.false(found.state === "ok" && found.key.verify(Buffer.from("other input"), signature));
  t.false(found.state === "ok" && found.key.verify(message, signature.subarray(1)));
  t.deepEqual(keyring.verifier("AAAAAAAAAAAAAAAA", start), { state: "unknown" });
});

test("a distrusted key is listed as retired, verifies what it signed, and the next rotation comes when it would", async (t) => {
  const { options, clock } = makeOptions();
  const keyring = await openKeyring(options);
  const kid = keyring.signer(start)?.kid ?? "";
  const states = (now: number) => Object.fromEntries(keyring.list(now).map((key) => [key.kid, key.state]));
  const [standby = "", next = ""] = kids(keyring, start);
  t.deepEqual(states(start), { [kid]: "active", [next]: "published", [standby]: "standby" });
  keyring.distrust(kid);
  t.deepEqual(states(start), { [kid]: "retired", [next]: "published", [standby]: "standby" });
  t.is(keyring.signer(start), undefined);
  t.is(keyring.verifier(kid, start).state, "ok");
  t.is(keyring.nextRotation(start), start + day);
  clock.now = start + day;
  await keyring.maintain();
  t.like(states(clock.now), { [kid]: "retired", [next]: "active" });
  t.is(states(start + 2 * day)[kid], "removed");
});

test("the JWKS holds public members only", async (t) => {
  const { options } = makeOptions();
  for (const key of (await openKeyring(options)).jwks(start)) {
    t.deepEqual(Object.keys(key).toSorted(), ["alg", "crv", "kid", "kty", "use", "x"]);
    t.like(key, { kty: "OKP", crv: "Ed25519", use: "sig", alg: "EdDSA" });
  }
});

test("the signer changes at its moment without any maintenance, and the call before stays cached", async (t) => {
  const { options } = makeOptions();
  const keyring = await openKeyring(options);
  const [, next, first] = kids(keyring, start);
  t.is(keyring.signer(start + day - 1)?.kid, first);
  t.is(keyring.signer(start + day - 1), keyring.signer(start + day - 1));
  t.is(keyring.signer(start + day)?.kid, next);
  t.is(keyring.signer(start + day - 1)?.kid, first, "the clock stepped back");
});

test("a week of rotation: each key passes through its states, is reported once, and is unknown at the end", async (t) => {
  const { options, clock, events } = makeOptions();
  const keyring = await openKeyring(options);
  const first = keyring.signer(start)?.kid ?? "";
  const seen = new Set<string>();
  const answers: string[] = [];
  for (; clock.now < start + 7 * day; clock.now += 10 * minute) {
    await keyring.maintain();
    const signer = keyring.signer(clock.now);
    t.true(signer !== undefined && kids(keyring, clock.now).includes(signer.kid));
    seen.add(signer?.kid ?? "");
    const state = keyring.list(clock.now).find(({ kid }) => kid === first)?.state ?? "not listed";
    const answer = `${state} ${keyring.verifier(first, clock.now).state}`;
    if (answers.at(-1) !== answer) answers.push(answer);
  }
  t.is(seen.size, 7);
  t.deepEqual(answers, ["active ok", "retired ok", "removed retired", "not listed unknown"]);
  const created = events.flatMap((event) => (event.type === "epoch.created" ? [event] : []));
  t.is(created.length, events.length);
  t.deepEqual(
    created.map(({ epoch }) => epoch),
    created.map((_, index) => index + 1),
  );
  const added = created.flatMap((event) => event.added);
  t.is(new Set(added).size, added.length);
  t.true(created.flatMap((event) => event.removed).includes(first));
});

test("private keys are removed from the whole store once their key has signed for the last time", async (t) => {
  const { options, clock } = makeOptions();
  const keyring = await openKeyring(options);
  const sealedBefore = (await stored(options.store)).join();
  clock.now = start + day;
  await keyring.maintain();
  clock.now = start + day + 5 * minute;
  await keyring.maintain();
  const sealed = JSON.parse(JSON.parse(sealedBefore).body).keys.map((key: { sealed: string }) => key.sealed);
  const after = (await stored(options.store)).join();
  t.is(sealed.length, 3);
  t.false(after.includes(sealed[0]));
  t.true(after.includes(sealed[1]));
});

test("a restart over the file store keeps the keys, the epoch and the signatures", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "signet-keyring-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "state.db");
  const open = () => openFileKeyValue(path, () => start);
  const store = await open();
  const before = await openKeyring(makeOptions({ store }).options);
  const signature = before.signer(start)?.sign(message) ?? Buffer.alloc(0);
  store.close();
  const again = await open();
  t.teardown(() => again.close());
  const { options, events } = makeOptions({ store: again });
  const after = await openKeyring(options);
  t.deepEqual(after.list(start), before.list(start));
  t.deepEqual(events, []);
  const found = after.verifier(before.signer(start)?.kid ?? "", start);
  t.true(found.state === "ok" && found.key.verify(message, signature));
});

test("ten keyrings that open one empty store at once agree on one epoch, made by one of them", async (t) => {
  const store = createMemoryKeyValue(() => start);
  const made = Array.from({ length: 10 }, () => makeOptions({ store }));
  const rings = await Promise.all(made.map(({ options }) => openKeyring(options)));
  t.is(new Set(rings.map((ring) => JSON.stringify(ring.list(start)))).size, 1);
  t.is(made.flatMap(({ events }) => events).length, 1);
  t.is((await stored(store)).length, 1);
});

test("two keyrings that rotate in the same instant agree, and the loser reports nothing", async (t) => {
  const { options, clock, events } = makeOptions();
  const others = makeOptions({ store: options.store, now: () => clock.now });
  const [one, other] = [await openKeyring(options), await openKeyring(others.options)];
  clock.now = start + day;
  await Promise.all([one.maintain(), other.maintain()]);
  t.is(one.epoch, 2);
  t.deepEqual(one.list(clock.now), other.list(clock.now));
  t.is([...events, ...others.events].filter((event) => event.type === "epoch.created" && event.epoch === 2).length, 1);
});

test("a started keyring adopts the rotation of another one, and stops", async (t) => {
  const { options, clock } = makeOptions();
  const followerOptions = makeOptions({ store: options.store }).options;
  const [leader, follower] = [await openKeyring(options), await openKeyring(followerOptions)];
  follower.start();
  clock.now = start + day;
  await leader.maintain();
  await until(() => follower.epoch === 2);
  await follower.stop();
  t.deepEqual(kids(follower, clock.now), kids(leader, clock.now));
});

test("a started keyring rotates by itself when it is time", async (t) => {
  const clock = { origin: Date.now() };
  const short = {
    ...policy,
    verifierCache: 1,
    propagation: 1,
    skew: 1,
    lead: 3,
    activationDelay: 1,
    period: 300,
    maxTtl: 1,
    stopUsing: 1,
  };
  const { options } = makeOptions({ policy: short, now: () => start + Date.now() - clock.origin });
  const keyring = await openKeyring(options);
  const newest = () => keyring.list(start).find(({ state }) => state !== "standby")?.signFrom ?? 0;
  // Opening may take several periods on a busy machine: what counts is what comes after it.
  const [before, opened] = [newest(), keyring.epoch];
  keyring.start();
  await until(() => keyring.epoch >= opened + 3);
  await keyring.stop();
  t.true(newest() > before);
});

for (const [name, lead, quietMs] of [
  ["that waits long", policy.lead, 5 * second],
  ["that waits two seconds", 2 * second, 1_500],
] as const)
  test(`no kid counts as unknown once a key ${name} may have signed since the store was read`, async (t) => {
    const quick = { verifierCache: second, propagation: 500, skew: 500, activationDelay: second, stopUsing: 500 };
    const { options, clock } = makeOptions({ policy: { ...policy, ...quick, lead } });
    const keyring = await openKeyring(options);
    await keyring.reload();
    clock.now = start + quietMs - 1;
    t.is(keyring.reload(), undefined);
    clock.now = start + quietMs;
    t.true(keyring.reload() instanceof Promise);
    await keyring.stop();
  });

test("a store that fails leaves the ring as it is, is reported while started, and rotation goes on afterwards", async (t) => {
  const store = createMemoryKeyValue(() => start);
  let fails = false;
  const failing: KeyValue = {
    ...store,
    async create(key, value, options) {
      if (fails) throw new StateError("UNAVAILABLE", "the disk is full");
      return store.create(key, value, options);
    },
  };
  const { options, clock, events } = makeOptions({ store: failing });
  const keyring = await openKeyring(options);
  const before = keyring.list(start);
  fails = true;
  clock.now = start + day;
  const error = await t.throwsAsync(keyring.maintain(), { instanceOf: KeyringError });
  t.is(error?.code, "UNREADABLE");
  t.true(error?.cause instanceof StateError);
  t.deepEqual(keyring.list(start), before);
  t.not(keyring.signer(clock.now), undefined);
  keyring.start();
  await until(() => events.some(({ type }) => type === "problem"));
  await keyring.stop();
  fails = false;
  await keyring.maintain();
  t.is(keyring.epoch, 2);
});

test("over a newer epoch that can't be read nothing is signed: the key in use may be revoked in it", async (t) => {
  const { options, clock } = makeOptions();
  const stale = await openKeyring(options);
  const kid = stale.signer(start)?.kid ?? "";
  await (await openKeyring({ ...options, ...underKeks("two", "one") })).revoke(kid, "stolen");
  for (let turn = 0; turn < 2; turn++) {
    t.is((await t.throwsAsync<KeyringError>(stale.maintain()))?.code, "WRONG_KEK");
    t.is(stale.signer(clock.now), undefined);
  }
  t.is(stale.verifier(kid, clock.now).state, "ok", "it goes on by what it knows");
});

test("when the newer epoch that can't be read disappears again, the one in use signs as before", async (t) => {
  const { options, clock } = makeOptions();
  const keyring = await openKeyring(options);
  const kid = keyring.signer(start)?.kid;
  await options.store.create("keys/service/epoch/2", Buffer.from("damaged"));
  t.is((await t.throwsAsync<KeyringError>(keyring.maintain()))?.code, "BROKEN_RECORD");
  t.is(keyring.signer(clock.now), undefined);
  await options.store.delete("keys/service/epoch/2");
  await keyring.maintain();
  t.is(keyring.signer(clock.now)?.kid, kid);
});

test("a store that can't be read at the start is UNREADABLE, and nothing is made", async (t) => {
  const { options } = makeOptions();
  const store: KeyValue = {
    ...options.store,
    async list() {
      throw new StateError("UNAVAILABLE", "no servers");
    },
  };
  t.is((await t.throwsAsync(openKeyring({ ...options, store }), { instanceOf: KeyringError }))?.code, "UNREADABLE");
  t.deepEqual(await stored(options.store), []);
});

test("another KEK is refused as WRONG_KEK, and the stored epoch stays the only one", async (t) => {
  const { options } = makeOptions();
  await openKeyring(options);
  const before = await stored(options.store);
  const error = await t.throwsAsync(openKeyring({ ...options, ...underKeks("two") }), { instanceOf: KeyringError });
  t.is(error?.code, "WRONG_KEK");
  t.deepEqual(await stored(options.store), before);
});

test("the KEK is exchanged while the previous one is given, and then not needed any more", async (t) => {
  const { options, clock } = makeOptions();
  const kid = (await openKeyring(options)).signer(start)?.kid;
  const keyring = await openKeyring({ ...options, ...underKeks("two", "one") });
  t.is(keyring.signer(start)?.kid, kid);
  const early = await t.throwsAsync(openKeyring({ ...options, ...underKeks("two") }), { instanceOf: KeyringError });
  t.is(early?.code, "WRONG_KEK");
  for (; clock.now < start + 3 * day; clock.now += hour) await keyring.maintain();
  await t.notThrowsAsync(openKeyring({ ...options, ...underKeks("two") }));
});

test("every byte of the stored record that is flipped is BROKEN_RECORD, and never a new ring", async (t) => {
  const { options } = makeOptions();
  await openKeyring(options);
  const [record = ""] = await stored(options.store);
  for (let at = 0; at < record.length; at++) {
    const damaged = Buffer.from(record);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    const store = createMemoryKeyValue(() => start);
    await store.create("keys/service/epoch/1", damaged);
    const error = await t.throwsAsync(openKeyring({ ...options, store }), { instanceOf: KeyringError });
    if (error?.code !== "BROKEN_RECORD") t.fail(`byte ${at}: ${error?.code}`);
    if ((await stored(store)).length !== 1) t.fail(`byte ${at}: a new epoch was made`);
  }
});

test("over entries that hold no authentic epoch no first ring is made, whatever they are", async (t) => {
  for (const [name, value] of [
    ["1", ""],
    ["2", "garbage"],
    ["01", ""],
    ["x/y", ""],
    ["999", "{}"],
  ] as const) {
    const { options } = makeOptions();
    await options.store.create(`keys/service/epoch/${name}`, Buffer.from(value));
    const error = await t.throwsAsync(openKeyring(options), { instanceOf: KeyringError }, name);
    t.is(error?.code, "BROKEN_RECORD");
    t.regex(error?.message ?? "", /^the entries under keys\/service\/epoch\/ hold no authentic epoch/);
    t.is((await options.store.list("")).length, 1);
  }
});

test("keysets of one store do not see each other, even when one's name begins with the other's", async (t) => {
  const { options } = makeOptions();
  const one = await openKeyring(options);
  const other = await openKeyring({ ...options, keyset: "service-2" });
  t.is(other.epoch, 1);
  t.is(kids(other, start).filter((kid) => kids(one, start).includes(kid)).length, 0);
});

test("a vault whose private key does not fit the published one is refused before anything is stored", async (t) => {
  const { options } = makeOptions();
  const impostor = await options.maker.make("service", "EdDSA");
  const maker: KeyMaker = {
    ...options.maker,
    // Opens every key as one and the same other key, and does not notice.
    open: (keyset, key) => options.maker.open(keyset, { ...key, ...impostor }),
  };
  const error = await t.throwsAsync(openKeyring({ ...options, maker }), { instanceOf: KeyringError });
  t.is(error?.code, "KEY_MISMATCH");
  t.regex(error?.message ?? "", /published public key does not verify/);
  t.deepEqual(await stored(options.store), []);
});

test("a maker that makes one kid again is asked again, and given up after three times", async (t) => {
  const { options } = makeOptions();
  const twin = await options.maker.make("service", "EdDSA");
  let calls = 0;
  const stutters: KeyMaker = {
    ...options.maker,
    make: (keyset, alg) => (++calls <= 3 ? Promise.resolve(twin) : options.maker.make(keyset, alg)),
  };
  const keyring = await openKeyring({ ...options, maker: stutters });
  t.is(new Set(kids(keyring, start)).size, 3);
  const { options: fresh } = makeOptions();
  const stuck: KeyMaker = { ...options.maker, make: () => Promise.resolve(twin) };
  t.is(
    (await t.throwsAsync(openKeyring({ ...fresh, maker: stuck }), { instanceOf: KeyringError }))?.code,
    "KEY_MISMATCH",
  );
});

test("a policy that breaks its bounds is refused with all of them", async (t) => {
  const { options } = makeOptions({ policy: { ...policy, lead: second, period: second } });
  const error = await t.throwsAsync(openKeyring(options), { instanceOf: KeyringError });
  t.is(error?.code, "BAD_POLICY");
  t.regex(error?.message ?? "", /lead is 1000 ms.*period is 1000 ms/);
});

test("when the clock steps back over a rotation, the keyring keeps signing with a key that verifies", async (t) => {
  const { options, clock } = makeOptions();
  const keyring = await openKeyring(options);
  clock.now = start + day + 5 * minute;
  await keyring.maintain();
  for (const back of [second, hour, day, 2 * day]) {
    const now = clock.now - back;
    const signer = keyring.signer(now);
    t.not(signer, undefined, `${back} ms back`);
    t.is(keyring.verifier(signer?.kid ?? "", now).state, "ok");
    t.true(kids(keyring, now).includes(signer?.kid ?? ""));
  }
});

/** Every value under keys/ that is not empty, as text. */
async function stored(store: KeyValue): Promise<string[]> {
  const values: string[] = [];
  for await (const change of store.watch("keys/", new AbortController().signal)) {
    if (change.type === "current") break;
    if (change.type === "put" && change.entry.value.byteLength > 0)
      values.push(Buffer.from(change.entry.value).toString());
  }
  return values;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
