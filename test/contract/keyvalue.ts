import type { ExecutionContext, Implementation } from "ava";
import {
  type Change,
  type Entry,
  type EntryWrite,
  type KeyValue,
  MAX_LIVE_VALUE_BYTES,
  MAX_STATE_VALUE_BYTES,
  StateError,
  type StateErrorCode,
} from "../../src/state/keyvalue.ts";

/** An empty store and the clock that it was given. */
interface StoreUnderTest {
  readonly store: KeyValue;
  readonly clock: { now: number };
}

type Register = (title: string, implementation: Implementation<[]>) => void;

type Open = (t: ExecutionContext) => Promise<StoreUnderTest>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

/** What every adapter of {@link KeyValue} must do. `open` makes a fresh store for each test. */
export function keyValueContract(test: Register, open: Open, maxValueBytes = MAX_STATE_VALUE_BYTES): void {
  readsAndWrites(test, open);
  largestValue(test, open, maxValueBytes);
  manyWrites(test, open);
  expiry(test, open);
  listing(test, open);
  watching(test, open);
  refusals(test, open);
}

function readsAndWrites(test: Register, open: Open): void {
  test("a key that was never written is absent", async (t) => {
    const { store } = await open(t);
    t.is(await store.get("keys/a"), undefined);
  });

  test("what was created is read back with its revision", async (t) => {
    const { store } = await open(t);
    const revision = await store.create("keys/a", bytes("one"));
    const entry = await store.get("keys/a");
    t.is(text(entry?.value), "one");
    t.is(entry?.revision, revision);
    t.is(entry?.key, "keys/a");
    t.is(entry?.expiresAt, undefined);
  });

  test("a key is created once: the second creation gets nothing and changes nothing", async (t) => {
    const { store } = await open(t);
    t.not(await store.create("keys/a", bytes("one")), undefined);
    t.is(await store.create("keys/a", bytes("two")), undefined);
    t.is(text((await store.get("keys/a"))?.value), "one");
  });

  test("of fifty creations at once exactly one wins, and its value is the one that is stored", async (t) => {
    const { store } = await open(t);
    const creations = Array.from({ length: 50 }, (_, index) => store.create("keys/a", bytes(`${index}`)));
    const revisions = await Promise.all(creations);
    const winners = revisions.flatMap((revision, index) => (revision === undefined ? [] : [{ revision, index }]));
    t.is(winners.length, 1);
    const entry = await store.get("keys/a");
    t.is(text(entry?.value), `${winners[0]?.index}`);
    t.is(entry?.revision, winners[0]?.revision);
  });

  test("an update replaces exactly the revision that it names", async (t) => {
    const { store } = await open(t);
    const first = (await store.create("keys/a", bytes("one"))) ?? 0;
    const second = (await store.update("keys/a", bytes("two"), first)) ?? 0;
    t.true(second > first);
    t.is(await store.update("keys/a", bytes("three"), first), undefined);
    t.is(text((await store.get("keys/a"))?.value), "two");
  });

  test("of twenty updates of one revision exactly one wins", async (t) => {
    const { store } = await open(t);
    const first = (await store.create("keys/a", bytes("-"))) ?? 0;
    const updates = Array.from({ length: 20 }, (_, index) => store.update("keys/a", bytes(`${index}`), first));
    const winners = (await Promise.all(updates)).flatMap((revision, index) => (revision === undefined ? [] : [index]));
    t.is(winners.length, 1);
    t.is(text((await store.get("keys/a"))?.value), `${winners[0]}`);
  });

  test("an update of a key that is not there gets nothing and makes nothing", async (t) => {
    const { store } = await open(t);
    t.is(await store.update("keys/a", bytes("one"), 1), undefined);
    t.is(await store.get("keys/a"), undefined);
  });

  test("no revision below 1 can be updated, so that an update never makes a key", async (t) => {
    const { store } = await open(t);
    for (const revision of [0, -1]) t.is(await store.update("keys/a", bytes("one"), revision), undefined);
    t.is(await store.get("keys/a"), undefined);
  });

  test("a deleted key is absent, and deleting it again is not an error", async (t) => {
    const { store } = await open(t);
    await store.create("keys/a", bytes("one"));
    await store.delete("keys/a");
    await store.delete("keys/a");
    t.is(await store.get("keys/a"), undefined);
  });

  test("revisions grow over all keys and are not used again after a deletion", async (t) => {
    const { store } = await open(t);
    const first = (await store.create("a", bytes("1"))) ?? 0;
    const second = (await store.create("b", bytes("2"))) ?? 0;
    await store.delete("b");
    const third = (await store.create("b", bytes("3"))) ?? 0;
    t.true(first < second && second < third, `${first} < ${second} < ${third}`);
    t.is(await store.update("b", bytes("4"), second), undefined);
  });

  test("a caller that changes its buffer afterwards does not change what is stored", async (t) => {
    const { store } = await open(t);
    const buffer = bytes("one");
    await store.create("a", buffer);
    buffer.fill(0);
    t.is(text((await store.get("a"))?.value), "one");
  });
}

function largestValue(test: Register, open: Open, maxValueBytes: number): void {
  const largest = `${maxValueBytes / 1024} KiB`;

  test(`every byte value survives, and so do an empty value and one of ${largest}, in reads, lists and watches`, async (t) => {
    const { store } = await open(t);
    const all = Uint8Array.from({ length: maxValueBytes }, (_, index) => index % 256);
    const first = (await store.create("all", new Uint8Array())) ?? 0;
    t.is((await store.get("all"))?.value.byteLength, 0);
    await store.update("all", all, first);
    const [listed] = await store.list("all");
    for (const entry of [await store.get("all"), listed, await firstPut(store)])
      t.is(Buffer.compare(entry?.value ?? new Uint8Array(), all), 0, `${entry?.value.byteLength}`);
  });

  test(`a value of more than ${largest} is refused`, async (t) => {
    const { store } = await open(t);
    const tooLarge = new Uint8Array(maxValueBytes + 1);
    const calls = [() => store.create("a", tooLarge), () => store.writeAll([{ key: "a", value: tooLarge }])];
    for (const call of calls) t.is((await t.throwsAsync(call, { instanceOf: StateError }))?.code, "TOO_LARGE");
    t.is(await store.get("a"), undefined);
  });
}

async function firstPut(store: KeyValue): Promise<Entry | undefined> {
  for await (const change of store.watch("", new AbortController().signal))
    if (change.type === "put") return change.entry;
  return undefined;
}

function manyWrites(test: Register, open: Open): void {
  test("many writes at once are creations and updates, each with the revision of its own place", async (t) => {
    const { store, clock } = await open(t);
    const expiresAt = clock.now + 1000;
    const old = (await store.create("many/old", bytes("0"))) ?? 0;
    const created = Array.from({ length: 100 }, (_, at) => ({ key: `many/${at}`, value: bytes(`${at}`), expiresAt }));
    const updated = { key: "many/old", value: bytes("1"), revision: old };
    const revisions = await store.writeAll([...created, updated]);
    t.is(new Set(revisions).size, 101);
    const entries = new Map((await store.list("many/")).map((entry) => [entry.key, entry]));
    t.is(entries.size, 101);
    for (const [at, { key, value, ...more }] of [...created, updated].entries()) {
      const expiry = "expiresAt" in more ? more.expiresAt : undefined;
      t.is(text(entries.get(key)?.value), text(value));
      t.deepEqual([entries.get(key)?.revision, entries.get(key)?.expiresAt], [revisions[at], expiry]);
    }
    t.deepEqual(await store.writeAll([]), []);
  });

  test("of many writes the one that conflicts gets nothing and changes nothing, and repeating the rest succeeds", async (t) => {
    const { store } = await open(t);
    const [a, b] = [(await store.create("a", bytes("1"))) ?? 0, (await store.create("b", bytes("1"))) ?? 0];
    const newer = (await store.update("b", bytes("2"), b)) ?? 0;
    let writes: EntryWrite[] = [
      { key: "a", value: bytes("x") },
      { key: "b", value: bytes("x"), revision: b },
      { key: "gone", value: bytes("x"), revision: newer },
      { key: "c", value: bytes("new") },
      { key: "d", value: bytes("new") },
    ];
    const revisions = await store.writeAll(writes);
    t.deepEqual(revisions.slice(0, 3), [undefined, undefined, undefined]);
    t.deepEqual([(await store.get("a"))?.revision, (await store.get("b"))?.revision], [a, newer]);
    t.is(await store.get("gone"), undefined);
    // All of the others, or none.
    writes = writes.slice(3).filter((_, at) => revisions[at + 3] === undefined);
    t.true(writes.length === 0 || writes.length === 2);
    t.false((await store.writeAll(writes)).includes(undefined));
    t.deepEqual([text((await store.get("c"))?.value), text((await store.get("d"))?.value)], ["new", "new"]);
  });

  test("of ten calls at once that create the same keys, each key is created by one", async (t) => {
    const { store } = await open(t);
    const keys = ["a", "b", "c"];
    const calls = Array.from({ length: 10 }, (_, at) =>
      store.writeAll(keys.map((key) => ({ key, value: bytes(`${at}`) }))),
    );
    const results = await Promise.all(calls);
    for (const [place, key] of keys.entries()) {
      const winners = results.flatMap((revisions, at) => (revisions[place] === undefined ? [] : [`${at}`]));
      t.is(winners.length, 1);
      t.is(text((await store.get(key))?.value), winners[0]);
    }
  });

  test("a watch yields many writes in the order of their revisions", async (t) => {
    const { store } = await open(t);
    const watch = follow(store, "many/");
    t.is(await watch.next(), "current");
    const keys = Array.from({ length: 20 }, (_, at) => `many/${at}`);
    const revisions = await store.writeAll(keys.map((key) => ({ key, value: bytes("x") })));
    const byRevision = keys.toSorted(
      (left, right) => (revisions[keys.indexOf(left)] ?? 0) - (revisions[keys.indexOf(right)] ?? 0),
    );
    for (const key of byRevision) t.is(await watch.next(), `put ${key} x`);
    await watch.end();
  });

  test("of writes with a bad key, a large value or a key that comes twice, none happens", async (t) => {
    const { store } = await open(t);
    const good = { key: "good", value: bytes("x") };
    const bad: [EntryWrite, StateErrorCode][] = [
      [{ key: "b.d", value: bytes("x") }, "BAD_KEY"],
      [{ key: "large", value: new Uint8Array(MAX_LIVE_VALUE_BYTES + 1) }, "TOO_LARGE"],
      [{ ...good, revision: 1 }, "BAD_KEY"],
    ];
    for (const [write, code] of bad) {
      const error = await t.throwsAsync(store.writeAll([good, write]), { instanceOf: StateError });
      t.is(error?.code, code);
    }
    t.is(await store.get("good"), undefined);
  });
}

function expiry(test: Register, open: Open): void {
  test("an entry is there until the millisecond before it expires", async (t) => {
    const { store, clock } = await open(t);
    const expiresAt = clock.now + 1000;
    await store.create("a", bytes("one"), { expiresAt });
    clock.now = expiresAt - 1;
    t.is((await store.get("a"))?.expiresAt, expiresAt);
    clock.now = expiresAt;
    t.is(await store.get("a"), undefined);
  });

  test("the key of an expired entry can be created again, once", async (t) => {
    const { store, clock } = await open(t);
    await store.create("a", bytes("one"), { expiresAt: clock.now + 1000 });
    clock.now += 1000;
    const revisions = await Promise.all([store.create("a", bytes("two")), store.create("a", bytes("two"))]);
    t.is(revisions.filter((revision) => revision !== undefined).length, 1);
    t.is(text((await store.get("a"))?.value), "two");
    t.is((await store.get("a"))?.expiresAt, undefined);
  });

  test("an expired entry can't be updated", async (t) => {
    const { store, clock } = await open(t);
    const revision = (await store.create("a", bytes("one"), { expiresAt: clock.now + 1000 })) ?? 0;
    clock.now += 1000;
    t.is(await store.update("a", bytes("two"), revision), undefined);
  });

  test("an update replaces the expiry: without one the entry stays", async (t) => {
    const { store, clock } = await open(t);
    const revision = (await store.create("a", bytes("one"), { expiresAt: clock.now + 1000 })) ?? 0;
    await store.update("a", bytes("two"), revision);
    clock.now += 1000;
    t.is(text((await store.get("a"))?.value), "two");
  });
}

function listing(test: Register, open: Open): void {
  test("a list has every entry under its prefix in the order of revisions, with its value and expiry", async (t) => {
    const { store, clock } = await open(t);
    const expiresAt = clock.now + 1000;
    const old = (await store.create("keys/b", bytes("1"))) ?? 0;
    const first = await store.create("keys/a", bytes("2"), { expiresAt });
    await store.create("other/a", bytes("3"));
    const second = await store.update("keys/b", bytes("4"), old);
    const entries = await store.list("keys/");
    t.deepEqual(
      entries.map(({ key, value, revision, expiresAt }) => [key, text(value), revision, expiresAt]),
      [
        ["keys/a", "2", first, expiresAt],
        ["keys/b", "4", second, undefined],
      ],
    );
  });

  test("a list has what get returns: nothing that was deleted or has expired", async (t) => {
    const { store, clock } = await open(t);
    await store.create("keys/deleted", bytes("1"));
    await store.create("keys/expired", bytes("2"), { expiresAt: clock.now + 1000 });
    await store.create("keys/empty", new Uint8Array());
    await store.delete("keys/deleted");
    clock.now += 1000;
    const entries = await store.list("keys/");
    t.deepEqual(
      entries.map(({ key }) => key),
      ["keys/empty"],
    );
    t.is(entries[0]?.revision, (await store.get("keys/empty"))?.revision);
  });

  test("the empty prefix lists every key, and one may end within a segment", async (t) => {
    const { store } = await open(t);
    for (const key of ["keys/ab/c", "keys/b", "kex", "a"]) await store.create(key, bytes(key));
    const keysUnder = async (prefix: string) => (await store.list(prefix)).map(({ key }) => key);
    t.deepEqual(await keysUnder(""), ["keys/ab/c", "keys/b", "kex", "a"]);
    t.deepEqual(await keysUnder("keys/a"), ["keys/ab/c"]);
    t.deepEqual(await keysUnder("ke"), ["keys/ab/c", "keys/b", "kex"]);
    t.deepEqual(await keysUnder("none/"), []);
  });

  test("a thousand keys are listed, each once", async (t) => {
    const { store } = await open(t);
    const names = Array.from({ length: 1000 }, (_, index) => `many/${index}`);
    await Promise.all(names.map((name) => store.create(name, bytes(name))));
    const entries = await store.list("many/");
    t.deepEqual(entries.map(({ key }) => key).toSorted(), names.toSorted());
    t.true(entries.every(({ key, value }) => text(value) === key));
  });

  test("a list has every write that was acknowledged before it", async (t) => {
    const { store } = await open(t);
    for (let written = 1; written <= 20; written++) {
      await store.create(`keys/${written}`, bytes("x"));
      t.is((await store.list("keys/")).length, written);
    }
  });
}

function watching(test: Register, open: Open): void {
  test("a watch yields what exists under its prefix in the order of revisions, then that it is current", async (t) => {
    const { store } = await open(t);
    await store.create("keys/b", bytes("1"));
    await store.create("keys/a", bytes("2"));
    await store.create("other/a", bytes("3"));
    t.deepEqual(await take(store, "keys/", 3), ["put keys/b 1", "put keys/a 2", "current"]);
  });

  test("a watch of an empty prefix sees every key, one that nothing matches is current at once", async (t) => {
    const { store } = await open(t);
    await store.create("a", bytes("1"));
    t.deepEqual(await take(store, "", 2), ["put a 1", "current"]);
    t.deepEqual(await take(store, "b/", 1), ["current"]);
  });

  test("a prefix may end within a segment, and within the first", async (t) => {
    const { store } = await open(t);
    await store.create("keys/ab/c", bytes("1"));
    await store.create("keys/b", bytes("2"));
    await store.create("kex", bytes("3"));
    t.deepEqual(await take(store, "keys/a", 2), ["put keys/ab/c 1", "current"]);
    t.deepEqual(await take(store, "ke", 4), ["put keys/ab/c 1", "put keys/b 2", "put kex 3", "current"]);
  });

  test("a key of one segment may be the beginning of another key", async (t) => {
    const { store } = await open(t);
    await store.create("a", bytes("1"));
    await store.create("a/b", bytes("2"));
    await store.delete("a");
    t.is(text((await store.get("a/b"))?.value), "2");
    t.deepEqual(await take(store, "a", 2), ["put a/b 2", "current"]);
  });

  test("a thousand keys are yielded by a watch that begins while they are written: each once, by revision", async (t) => {
    const { store } = await open(t);
    const names = Array.from({ length: 1000 }, (_, index) => `many/${index}`);
    const controller = new AbortController();
    const entries: Entry[] = [];
    const read = async (): Promise<void> => {
      for await (const change of store.watch("many/", controller.signal)) {
        if (change.type === "put") entries.push(change.entry);
        if (entries.length === names.length) controller.abort();
      }
    };
    await Promise.all([...names.map((name) => store.create(name, bytes(name))), read()]);
    t.deepEqual(entries.map(({ key }) => key).toSorted(), names.toSorted());
    const revisions = entries.map(({ revision }) => revision);
    t.deepEqual(
      revisions,
      revisions.toSorted((left, right) => left - right),
    );
  });

  test("a watch yields values of 64 KiB, both existing and new ones", async (t) => {
    const { store } = await open(t);
    const large = new Uint8Array(64 * 1024).fill(0xff);
    await store.create("a", large);
    const controller = new AbortController();
    const sizes: number[] = [];
    for await (const change of store.watch("", controller.signal)) {
      if (change.type === "current") await store.create("b", large);
      if (change.type === "put") sizes.push(change.entry.value.byteLength);
      if (sizes.length === 2) controller.abort();
    }
    t.deepEqual(sizes, [large.byteLength, large.byteLength]);
  });

  test("a key that was deleted and created again is yielded as put, with its new value", async (t) => {
    const { store } = await open(t);
    await store.create("a", bytes("1"));
    await store.delete("a");
    await store.create("a", bytes("2"));
    t.deepEqual(await take(store, "", 2), ["put a 2", "current"]);
  });

  test("an update of an entry to its own value is a change", async (t) => {
    const { store } = await open(t);
    const revision = (await store.create("a", bytes("1"))) ?? 0;
    const watch = follow(store, "");
    t.deepEqual([await watch.next(), await watch.next()], ["put a 1", "current"]);
    await store.update("a", bytes("1"), revision);
    t.is(await watch.next(), "put a 1");
    await watch.end();
  });

  test("a watch yields creations, updates and deletions as they happen, and nothing of other prefixes", async (t) => {
    const { store } = await open(t);
    const watch = follow(store, "keys/");
    t.is(await watch.next(), "current");
    const revision = (await store.create("keys/a", bytes("1"))) ?? 0;
    t.is(await watch.next(), "put keys/a 1");
    await store.create("other", bytes("x"));
    await store.update("keys/a", bytes("2"), revision);
    t.is(await watch.next(), "put keys/a 2");
    await store.delete("keys/a");
    t.is(await watch.next(), "delete keys/a");
    await watch.end();
  });

  test("a watch that lags behind misses no key, and ends with the last value of each", async (t) => {
    const { store } = await open(t);
    const watch = follow(store, "keys/");
    t.is(await watch.next(), "current");
    let revision = (await store.create("keys/a", bytes("0"))) ?? 0;
    for (let index = 1; index <= 20; index++) {
      revision = (await store.update("keys/a", bytes(`${index}`), revision)) ?? 0;
    }
    await store.create("keys/end", bytes("x"));
    const seen: (string | undefined)[] = [];
    while (seen.at(-1) !== "put keys/end x") seen.push(await watch.next());
    t.is(seen.at(-2), "put keys/a 20");
    await watch.end();
  });

  test("a new watch does not yield an expired entry, and an old one yields it as deleted once it is purged", async (t) => {
    const { store, clock } = await open(t);
    await store.create("keys/a", bytes("1"), { expiresAt: clock.now + 1000 });
    const watch = follow(store, "keys/");
    t.is(await watch.next(), "put keys/a 1");
    t.is(await watch.next(), "current");
    clock.now += 1000;
    t.deepEqual(await take(store, "keys/", 1), ["current"]);
    await store.create("keys/b", bytes("2"));
    t.is(await watch.next(), "delete keys/a");
    t.is(await watch.next(), "put keys/b 2");
    await watch.end();
  });

  test("two watches each see every change", async (t) => {
    const { store } = await open(t);
    const watches = [follow(store, ""), follow(store, "")];
    for (const watch of watches) t.is(await watch.next(), "current");
    await store.create("a", bytes("1"));
    for (const watch of watches) t.is(await watch.next(), "put a 1");
    for (const watch of watches) await watch.end();
  });

  test("a watch that waits ends when its signal aborts", async (t) => {
    const { store } = await open(t);
    const watch = follow(store, "");
    t.is(await watch.next(), "current");
    const waiting = watch.next();
    watch.abort();
    t.is(await waiting, undefined);
  });

  test("a watch whose signal is aborted already yields nothing", async (t) => {
    const { store } = await open(t);
    await store.create("a", bytes("1"));
    const changes: Change[] = [];
    for await (const change of store.watch("", AbortSignal.abort())) changes.push(change);
    t.deepEqual(changes, []);
  });
}

function refusals(test: Register, open: Open): void {
  for (const key of ["", "/", "a/", "/a", "a//b", "a.b", "a b", "a*", "a>", "a\r\nb", "ä"]) {
    test(`the key ${JSON.stringify(key)} is refused by every operation`, async (t) => {
      const { store } = await open(t);
      const calls = [
        () => store.get(key),
        () => store.create(key, bytes("1")),
        () => store.update(key, bytes("1"), 1),
        () => store.delete(key),
      ];
      for (const call of calls) {
        t.is((await t.throwsAsync(call, { instanceOf: StateError }))?.code, "BAD_KEY");
      }
    });
  }

  test("a prefix that no key can begin with is refused", async (t) => {
    const { store } = await open(t);
    const read = async (): Promise<void> => {
      for await (const _ of store.watch("a.*", new AbortController().signal)) break;
    };
    t.is((await t.throwsAsync(read, { instanceOf: StateError }))?.code, "BAD_KEY");
    t.is((await t.throwsAsync(() => store.list("a.*"), { instanceOf: StateError }))?.code, "BAD_KEY");
  });
}

interface Following {
  /** The next change as text, undefined at the end. */
  next(): Promise<string | undefined>;
  abort(): void;
  end(): Promise<void>;
}

function follow(store: KeyValue, prefix: string): Following {
  const controller = new AbortController();
  const changes = store.watch(prefix, controller.signal)[Symbol.asyncIterator]();
  return {
    async next() {
      const result = await changes.next();
      return result.done ? undefined : spell(result.value);
    },
    abort: () => controller.abort(),
    async end() {
      controller.abort();
      await changes.return?.();
    },
  };
}

async function take(store: KeyValue, prefix: string, count: number): Promise<(string | undefined)[]> {
  const watch = follow(store, prefix);
  const changes: (string | undefined)[] = [];
  while (changes.length < count) changes.push(await watch.next());
  await watch.end();
  return changes;
}

function spell(change: Change): string {
  if (change.type === "current" || change.type === "gap") return change.type;
  if (change.type === "delete") return `delete ${change.key}`;
  return `put ${change.entry.key} ${text(change.entry.value)}`;
}
