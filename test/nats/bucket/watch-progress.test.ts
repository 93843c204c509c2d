import test from "ava";
import type { StoredEntry } from "../../../src/nats/bucket/entry.ts";
import { WatchProgress } from "../../../src/nats/bucket/watch-progress.ts";
import type { Change } from "../../../src/state/keyvalue.ts";
import { collect } from "../../support/collect.ts";

const NOW = 1_700_000_000_000;

function entry(key: string, revision: number, more: Partial<StoredEntry> = {}): StoredEntry {
  const value = new Uint8Array();
  return {
    key,
    value,
    revision,
    writtenAt: NOW,
    deleted: false,
    write: `${key}@${revision}`,
    operation: "create",
    ...more,
  };
}

async function compare(progress: WatchProgress, entries: readonly StoredEntry[], now = NOW): Promise<string[]> {
  const existing = (async function* () {
    yield* entries;
  })();
  const changes = progress.compare(
    existing,
    () => now,
    (reason) => new Error(reason),
  );
  const [gap, ...others] = (await collect(changes)).map(spell);
  return gap === "gap" ? others : ["no gap"];
}

function spell(change: Change): string {
  if (change.type === "put") return `put ${change.entry.key} ${change.entry.revision}`;
  return change.type === "delete" ? `delete ${change.key}` : change.type;
}

test("a second look yields what is new, and nothing twice", async (t) => {
  const progress = new WatchProgress();
  t.deepEqual(await compare(progress, [entry("a", 1), entry("b", 2)]), ["put a 1", "put b 2"]);
  t.deepEqual(await compare(progress, [entry("a", 1), entry("b", 3), entry("c", 4)]), ["put b 3", "put c 4"]);
});

test("a key without any message was deleted, and its message purged", async (t) => {
  const progress = new WatchProgress();
  await compare(progress, [entry("a", 1), entry("b", 2)]);
  t.deepEqual(await compare(progress, [entry("b", 2)]), ["delete a"]);
  t.deepEqual(await compare(progress, [entry("b", 2)]), []);
});

test("a deletion is yielded once, and only for a key that was yielded", async (t) => {
  const progress = new WatchProgress();
  await compare(progress, [entry("a", 1)]);
  const deleted = [entry("a", 3, { deleted: true }), entry("b", 4, { deleted: true })];
  t.deepEqual(await compare(progress, deleted), ["delete a"]);
  t.deepEqual(await compare(progress, deleted), []);
});

test("a lower revision of a key, the same one of another write, and an old one of a new key are contradictions", async (t) => {
  const contradictions = [
    [entry("a", 4), entry("b", 6)],
    [entry("a", 5, { write: "another" }), entry("b", 6)],
    [entry("c", 3), entry("a", 5), entry("b", 6)],
    [entry("a", 6, { write: "x" }), entry("b", 7)],
  ];
  for (const found of contradictions) {
    const progress = new WatchProgress();
    await compare(progress, [entry("a", 5), entry("b", 6)]);
    await t.throwsAsync(
      compare(progress, found),
      { message: /history|another write|came after/ },
      JSON.stringify(found),
    );
  }
});

test("an entry that expires is yielded as deleted, and again as put when the clock is set back", async (t) => {
  const progress = new WatchProgress();
  const fleeting = entry("a", 1, { expiresAt: NOW + 1000 });
  await compare(progress, [fleeting, entry("b", 2)]);
  t.deepEqual([...progress.expire(NOW + 999)], []);
  t.deepEqual([...progress.expire(NOW + 1000)].map(spell), ["delete a"]);
  t.deepEqual(await compare(progress, [fleeting, entry("b", 2)], NOW + 1000), []);
  t.deepEqual(await compare(progress, [fleeting, entry("b", 2)], NOW), ["put a 1"]);
});

test("of many entries those that have expired are looked for now and then, and all are found", async (t) => {
  const progress = new WatchProgress();
  const many = Array.from({ length: 200_000 }, (_, at) => entry(`k${at}`, at + 1, { expiresAt: NOW + 1_000 + at }));
  await compare(progress, many);
  t.deepEqual([...progress.expire(NOW + 1_000)].map(spell), ["delete k0"]);
  const looks: number[] = [];
  for (let time = 1_001; time < 31_000; time += 1) {
    const expired = [...progress.expire(NOW + time)].length;
    if (expired > 0) looks.push(expired);
  }
  t.deepEqual(looks, [10_000, 9_500, 9_025]);
  t.deepEqual([...progress.expire(NOW)], [], "a clock that is set back is no reason to look");
  t.is([...progress.expire(NOW + 1_000_000)].length, 200_000 - 1 - 28_525);
});

test("of few entries each is found when it expires", async (t) => {
  const progress = new WatchProgress();
  const few = Array.from({ length: 10 }, (_, at) => entry(`k${at}`, at + 1, { expiresAt: NOW + 1_000 + at }));
  await compare(progress, few);
  for (let at = 0; at < 10; at += 1) t.deepEqual([...progress.expire(NOW + 1_000 + at)].map(spell), [`delete k${at}`]);
});
