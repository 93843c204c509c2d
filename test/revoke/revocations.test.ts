import test, { type ExecutionContext } from "ava";
import { Problem } from "../../src/problem/problem.ts";
import { encodeRevocation, type Revocation, type RevokedSubject, revocationKey } from "../../src/revoke/revocation.ts";
import { openRevocations, type Revocations, type RevocationsOptions } from "../../src/revoke/revocations.ts";
import { type Change, type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { turnsDuring } from "../support/turns.ts";
import { waitUntil } from "../support/wait-until.ts";

const NOW = 1_700_000_000_000;
const SECOND = NOW / 1000;
const HOUR = 3_600_000;

const revokedToken = (tokenId: string, more: Partial<Revocation> = {}): Revocation =>
  ({ kind: "token", profile: "service", tenant: "", at: NOW, until: NOW + HOUR, tokenId, ...more }) as Revocation;
const revokedSubject = (subject: string, issuedBefore: number): RevokedSubject => ({
  kind: "subject",
  profile: "service",
  tenant: "",
  at: NOW,
  until: NOW + HOUR,
  subjectHash: `hash of ${subject}`,
  hashedUnder: "kek-1",
  issuedBefore,
});
const token = (tokenId: string, more = {}) => ({
  profile: "service",
  tenant: "",
  tokenId,
  subject: "alice",
  issuedAt: SECOND,
  ...more,
});

function fixture(t: ExecutionContext) {
  const clock = { now: NOW };
  const store = createMemoryKeyValue(() => clock.now);
  const problems: unknown[] = [];
  async function open(overrides: Partial<RevocationsOptions> = {}): Promise<Revocations> {
    const revocations = await openRevocations({
      store,
      now: () => clock.now,
      hashers: [{ keyId: "kek-1", hash: (subject) => `hash of ${subject}` }],
      contactAgeMs: () => 0,
      onProblem: (error) => problems.push(error),
      ...overrides,
    });
    t.teardown(() => revocations.stop());
    return revocations;
  }
  return { clock, store, problems, open };
}

/** The first so many items that a watch yields. */
async function firstItems(revocations: Revocations, count: number, act: () => unknown = () => {}) {
  const ending = new AbortController();
  const items: (Revocation | "current")[] = [];
  const acted = { done: false };
  for await (const item of revocations.watch(ending.signal)) {
    items.push(item);
    if (item === "current" && !acted.done) {
      acted.done = true;
      await act();
    }
    if (items.length === count) break;
  }
  return items;
}

test("a flood of entries that can't be read is reported in bounds", async (t) => {
  const { clock, store, problems, open } = fixture(t);
  for (let at = 0; at < 50; at++) await store.create(`revoked/garbage/${at}`, Buffer.from("garbage"));
  await open();
  t.is(problems.length, 20);
  clock.now += 60_000;
  await store.create("revoked/garbage/late", Buffer.from("garbage"));
  await waitUntil("a later one is reported", () => problems.length === 21);
});

test("a revoked token is revoked, and no other one is", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedToken("a")]);
  t.true(revocations.has(token("a")));
  t.false(revocations.has(token("b")));
});

test("the same id under another profile or tenant is another token", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedToken("a", { tenant: "london" })]);
  t.true(revocations.has(token("a", { tenant: "london" })));
  t.false(revocations.has(token("a")));
  t.false(revocations.has(token("a", { tenant: "london", profile: "other" })));
});

test("the same id under another profile or tenant is stored beside the first", async (t) => {
  const { open } = fixture(t);
  const all = [{}, { tenant: "london" }, { profile: "other" }].map((more) => revokedToken("a", more));
  await (await open()).revoke(all);
  t.deepEqual([...(await open()).all()], all);
});

test("a subject's tokens are revoked up to and in the second that is named", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  t.true(revocations.has(token("a", { issuedAt: SECOND - 1 })));
  t.true(revocations.has(token("a", { issuedAt: SECOND })));
  t.false(revocations.has(token("a", { issuedAt: SECOND + 1 })));
  t.false(revocations.has(token("a", { subject: "bob" })));
  t.false(revocations.has(token("a", { subject: undefined })));
});

test("a subject's token without iat is revoked whatever the second", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  t.true(revocations.has(token("a", { issuedAt: undefined })));
});

test("an earlier time never undoes what a later one revoked, in the store either", async (t) => {
  const { open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedSubject("alice", SECOND + 10)]);
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  t.true(revocations.has(token("a", { issuedAt: SECOND + 10 })));
  t.true((await open()).has(token("a", { issuedAt: SECOND + 10 })));
});

test("a later moment reaches further, in the store too", async (t) => {
  const { open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedSubject("alice", SECOND)]);
  await revocations.revoke([revokedSubject("alice", SECOND + 10)]);
  t.true((await open()).has(token("a", { issuedAt: SECOND + 10 })));
});

test("another replica on the same store learns of it, and so does one that starts later", async (t) => {
  const { open } = fixture(t);
  const [one, two] = [await open(), await open()];
  const heard = firstItems(two, 2, () => one.revoke([revokedToken("a")]));
  t.deepEqual(await heard, ["current", revokedToken("a")]);
  t.true(two.has(token("a")));
  t.true((await open()).has(token("a")));
});

test("a watch yields first what is in force, then that it is current, then what comes", async (t) => {
  const revocations = await fixture(t).open();
  await revocations.revoke([revokedToken("a")]);
  const items = await firstItems(revocations, 3, () => revocations.revoke([revokedToken("b")]));
  t.deepEqual(items, [revokedToken("a"), "current", revokedToken("b")]);
});

test("an entry ends with its tokens: in memory, and in the store", async (t) => {
  const { clock, store, open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedToken("a", { until: NOW + 10 })]);
  clock.now = NOW + 10;
  t.false((await open()).has(token("a")));
  await revocations.revoke([revokedToken("b", { until: NOW + HOUR })]);
  const held: string[] = [];
  for await (const change of store.watch("revoked/", new AbortController().signal)) {
    if (change.type === "current") break;
    if (change.type === "put") held.push(Buffer.from(change.entry.value).toString());
  }
  t.deepEqual(held, [Buffer.from(encodeRevocation(revokedToken("b", { until: NOW + HOUR }))).toString()]);
});

test("an entry of another version is reported and stops nothing", async (t) => {
  const { store, problems, open } = fixture(t);
  await store.create("revoked/token/x", Buffer.from('{"kind":"family"}'));
  const revocations = await open();
  await revocations.revoke([revokedToken("a")]);
  t.true(revocations.has(token("a")));
  t.like(problems[0], { name: "IneffectiveRevocation", code: "UNREADABLE" });
  t.regex(String(problems[0]), /revoked\/token\/x is not a revocation that this version can read/);
});

test("a store that is lost is reported, and what was known stays revoked", async (t) => {
  const { store, problems, open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedToken("a")]);
  store.close();
  await t.throwsAsync(revocations.revoke([revokedToken("b")]), { code: "UNAVAILABLE" });
  t.true(revocations.has(token("a")));
  t.false(revocations.has(token("b")));
  t.true(problems.length <= 1);
});

test("a known revocation is dropped only at its end: not after a delete, nor after an entry that ends earlier", async (t) => {
  const { store, open } = fixture(t);
  const revocations = await open();
  await revocations.revoke([revokedToken("a")]);
  const [place = ""] = await placesIn(store);
  await store.delete(place);
  await store.create(place, encodeRevocation(revokedToken("a", { until: NOW + 1 })));
  await store.create("revoked/token/b", encodeRevocation(revokedToken("b")));
  await waitUntil("the watch has yielded all that", () => revocations.has(token("b")));
  t.deepEqual([...revocations.all()], [revokedToken("a"), revokedToken("b")]);
});

test("a watch does not yield again what is known already", async (t) => {
  const revocations = await fixture(t).open();
  const items = await firstItems(revocations, 2, async () => {
    await revocations.revoke([revokedToken("a")]);
    await revocations.revoke([revokedToken("a"), revokedToken("b")]);
  });
  t.deepEqual(items, ["current", revokedToken("a")]);
  const more = await firstItems(revocations, 3);
  t.deepEqual(more, [revokedToken("a"), revokedToken("b"), "current"]);
});

test("a subject's revocation holds under every KEK that is given, and one under a KEK that is not given is reported", async (t) => {
  const { problems, open } = fixture(t);
  const hasher = (keyId: string) => ({ keyId, hash: (subject: string) => `${keyId} of ${subject}` });
  const old = await open({ hashers: [hasher("old")] });
  await old.revoke([{ ...revokedSubject("alice", SECOND), subjectHash: "old of alice", hashedUnder: "old" }]);
  t.true((await open({ hashers: [hasher("new"), hasher("old")] })).has(token("a")));
  t.deepEqual(problems, []);
  t.false((await open({ hashers: [hasher("new")] })).has(token("a")));
  t.like(problems[0], { name: "IneffectiveRevocation", code: "UNKNOWN_KEK" });
  t.regex(
    String(problems[0]),
    /made under the KEK old, which must be configured \(kek\.previous\) until 2023-11-14T23/,
  );
});

test("the view is current while the watch holds, and as old as its end once it broke", async (t) => {
  const { clock, store, problems, open } = fixture(t);
  const failing = failingStore(store);
  const revocations = await open({ store: failing.store });
  t.is(revocations.viewAgeMs(NOW + 5_000), 0);
  failing.fail();
  clock.now = NOW + 5_000;
  await waitUntil("the watch broke", () => problems.length > 0);
  t.is(revocations.viewAgeMs(NOW + 12_000), 7_000);
  failing.heal();
  await waitUntil("it holds again", () => revocations.viewAgeMs(NOW + 12_000) === 0);
});

test("a watch that ends without an error ages the view too", async (t) => {
  const { clock, store, open } = fixture(t);
  const ended = Promise.withResolvers<void>();
  const ending: KeyValue = {
    ...store,
    async *watch(prefix, signal) {
      for await (const change of store.watch(prefix, signal)) {
        yield change;
        if (change.type !== "current") continue;
        await ended.promise;
        return;
      }
    },
  };
  const revocations = await open({ store: ending });
  clock.now = NOW + 5_000;
  ended.resolve();
  await waitUntil("the watch ended", () => revocations.viewAgeMs(NOW + 12_000) === 7_000);
  t.is(revocations.viewAgeMs(NOW + 12_000), 7_000);
});

test("the view is never younger than what was last heard of the store", async (t) => {
  const revocations = await fixture(t).open({ contactAgeMs: () => 42 });
  t.is(revocations.viewAgeMs(NOW), 42);
});

test("a store that was lost gets its revocations back, and revoked tokens stay revoked", async (t) => {
  const { clock, store, open } = fixture(t);
  const other = createMemoryKeyValue(() => clock.now);
  const failing = failingStore(store);
  const revocations = await open({ store: failing.store });
  await revocations.revoke([revokedToken("a"), revokedToken("ended", { until: NOW + 1 }), revokedSubject("bob", 7)]);
  clock.now = NOW + 1;
  failing.fail();
  failing.heal(other);
  await waitUntil("the new store holds both", async () => (await placesIn(other)).length === 2);
  const newcomer = await open({ store: other });
  t.deepEqual([...newcomer.all()], [revokedToken("a"), revokedSubject("bob", 7)]);
});

test("what the store lost or weakened entry by entry is put back and counted, and nothing that has ended", async (t) => {
  const { clock, store, open } = fixture(t);
  const lossy: KeyValue = { ...store, watch: (prefix, signal) => withoutDeletions(store.watch(prefix, signal)) };
  const counts: number[] = [];
  const revocations = await open({ store: lossy, onPutBack: (count) => counts.push(count) });
  const all = [
    ...[revokedToken("lost"), revokedToken("kept"), revokedToken("ended", { until: NOW + 1 })],
    ...[revokedSubject("bob", 7), revokedToken("shortened")],
  ];
  await revocations.revoke(all);
  const places = new Map(all.map((one) => [one, revocationKey(one)]));
  for (const at of [0, 2, 3]) await store.delete(places.get(all[at] as Revocation) ?? "");
  const shortened = places.get(all[4] as Revocation) ?? "";
  const { revision = 0 } = (await store.get(shortened)) ?? {};
  await store.update(shortened, encodeRevocation(revokedToken("shortened", { until: NOW + 2 })), revision);
  clock.now = NOW + 1;
  revocations.putBack();
  await waitUntil("they are put back", () => counts.length === 1);
  t.deepEqual(counts, [3]);
  const newcomer = await open({ store });
  t.deepEqual(
    [...newcomer.all()].map(revocationKey).toSorted(),
    [0, 1, 3, 4].map((at) => places.get(all[at] as Revocation) ?? "").toSorted(),
  );
  clock.now = NOW + 2;
  t.true(newcomer.has(token("shortened")));
  revocations.putBack();
  revocations.putBack();
  await revocations.stop();
  t.deepEqual(counts, [3], "once is enough");
});

/** As a watch of NATS, which does not show what was purged. */
async function* withoutDeletions(changes: AsyncIterable<Change>): AsyncGenerator<Change> {
  for await (const change of changes) if (change.type !== "delete") yield change;
}

test("with a snapshot it opens while the store is unreachable, and knows since when its view is old", async (t) => {
  const { clock, store, open } = fixture(t);
  const failing = failingStore(store);
  failing.fail();
  await t.throwsAsync(open({ store: failing.store }), { code: "UNAVAILABLE" });
  const snapshot = { asOf: NOW - 60_000, revocations: [revokedToken("a")] };
  const revocations = await open({ store: failing.store, snapshot });
  t.true(revocations.has(token("a")));
  t.is(revocations.viewAgeMs(clock.now), 60_000);
  failing.heal();
  await waitUntil("the store is heard of", () => revocations.viewAgeMs(clock.now) === 0);
  await waitUntil("the store has what it lacked", async () => (await placesIn(store)).length === 1);
});

test("a reader that lets too much wait is cut, and costs the others nothing", async (t) => {
  const revocations = await fixture(t).open();
  const slow = revocations.watch(new AbortController().signal)[Symbol.asyncIterator]();
  t.deepEqual(await slow.next(), { value: "current", done: false });
  const first = slow.next();
  await revocations.revoke([revokedToken("first")]);
  t.deepEqual(await first, { value: revokedToken("first"), done: false });
  const many = Array.from({ length: 10_001 }, (_, index) => revokedToken(`t-${index}`));
  await revocations.revoke(many);
  await t.throwsAsync(slow.next(), { instanceOf: Problem, code: "SLOW_READER" });
  t.true(revocations.has(token("t-10000")));
});

test("a reader that keeps up gets a burst in order", async (t) => {
  const revocations = await fixture(t).open();
  const many = Array.from({ length: 10_000 }, (_, index) => revokedToken(`t-${index}`));
  const items = await firstItems(revocations, 10_001, () => revocations.revoke(many));
  t.deepEqual(items, ["current", ...many]);
});

async function placesIn(store: KeyValue): Promise<string[]> {
  const places: string[] = [];
  for await (const change of store.watch("revoked/", new AbortController().signal)) {
    if (change.type === "current") break;
    if (change.type === "put") places.push(change.entry.key);
  }
  return places;
}

/** A store that can be cut off, and healed with what another one holds. */
function failingStore(first: KeyValue) {
  let below = first;
  let cut = new AbortController();
  const call = <Result>(work: (store: KeyValue) => Promise<Result>): Promise<Result> =>
    cut.signal.aborted ? Promise.reject(new StateError("UNAVAILABLE", "cut off")) : work(below);
  const store: KeyValue = {
    get: (key) => call((store) => store.get(key)),
    create: (...write) => call((store) => store.create(...write)),
    update: (...write) => call((store) => store.update(...write)),
    writeAll: (writes) => call((store) => store.writeAll(writes)),
    delete: (key) => call((store) => store.delete(key)),
    list: (prefix) => call((store) => store.list(prefix)),
    async *watch(prefix, signal) {
      const { signal: cutOff } = cut;
      if (!cutOff.aborted) yield* below.watch(prefix, AbortSignal.any([signal, cutOff]));
      if (cutOff.aborted) throw new StateError("UNAVAILABLE", "cut off");
    },
  };
  return {
    store,
    fail: () => cut.abort(),
    heal(next: KeyValue = below) {
      below = next;
      cut = new AbortController();
    },
  };
}

for (const [count, least, most, what] of [
  [5_000, 4, Number.POSITIVE_INFINITY, "while a reader gets many revocations at once, calls have their turn"],
  [100, 0, 1, "control: a few come in one turn"],
] as const)
  test(what, async (t) => {
    const { open } = fixture(t);
    const known = Array.from({ length: count }, (_, at) => revokedToken(`token-${at}`));
    const revocations = await open({ snapshot: { asOf: NOW, revocations: known } });
    let items: (Revocation | "current")[] = [];
    const turns = await turnsDuring(async () => {
      items = await firstItems(revocations, count + 1);
    });
    t.deepEqual(items, [...known, "current"]);
    t.true(turns >= least && turns <= most, `${turns}`);
  });

test("a reader that leaves while it gets many revocations gets no more of them", async (t) => {
  const { open } = fixture(t);
  const known = Array.from({ length: 5_000 }, (_, at) => revokedToken(`token-${at}`));
  const revocations = await open({ snapshot: { asOf: NOW, revocations: known } });
  const leaving = new AbortController();
  const items: unknown[] = [];
  for await (const item of revocations.watch(leaving.signal)) if (items.push(item) === 1_500) leaving.abort();
  t.is(items.length, 1_500);
});
