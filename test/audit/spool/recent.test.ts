import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { StoredEvent } from "../../../src/audit/spool/reader.ts";
import { RecentEvents } from "../../../src/audit/spool/recent.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { errno, type Faults, faultyFiles } from "../../support/files/spool-files.ts";
import { issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const BODY_BYTES = 10;

function eventsAt(...positions: number[]): StoredEvent[] {
  const header = {
    id: "id",
    type: "token.issued",
    profile: "service",
    time: "t",
    writer: "w",
    traceparent: "",
  } as const;
  return positions.map((position) => ({ position, body: Buffer.alloc(BODY_BYTES), header }));
}

const positionsOf = (events: readonly StoredEvent[]) => events.map(({ position }) => position);

const appendAll = (spool: Spool, numbers: readonly number[]) =>
  spool.appendAll(numbers.map((number) => [issued(number), TIME]));

test("recent events are read in their order, at most as many as asked for", (t) => {
  const recent = new RecentEvents(1000);
  recent.add(eventsAt(5, 6));
  recent.add(eventsAt(7));
  t.deepEqual(positionsOf(recent.read(4, 10)), [5, 6, 7]);
  t.deepEqual(positionsOf(recent.read(5, 1)), [6]);
  t.deepEqual(recent.read(7, 10), []);
  t.deepEqual(recent.read(100, 10), []);
});

test("a read of an event that is no longer in memory returns none, not a later one", (t) => {
  const recent = new RecentEvents(1000);
  recent.add(eventsAt(5, 6, 7));
  t.deepEqual(recent.read(3, 10), []);
  recent.forget(5);
  t.deepEqual(recent.read(4, 10), []);
  t.deepEqual(positionsOf(recent.read(5, 10)), [6, 7]);
  recent.forget(2);
  t.deepEqual(positionsOf(recent.read(5, 10)), [6, 7], "what was forgotten before");
  recent.forget(100);
  recent.add(eventsAt(8));
  t.deepEqual(positionsOf(recent.read(7, 10)), [8]);
});

test("no more bytes are held than allowed: the oldest go", (t) => {
  const recent = new RecentEvents(3 * BODY_BYTES);
  recent.add(eventsAt(1, 2));
  recent.add(eventsAt(3, 4, 5));
  t.deepEqual(positionsOf(recent.read(2, 10)), [3, 4, 5]);
  t.deepEqual(recent.read(1, 10), []);
  recent.forget(4);
  recent.add(eventsAt(6, 7));
  t.deepEqual(positionsOf(recent.read(4, 10)), [5, 6, 7], "what was forgotten takes no room");
  recent.add(eventsAt(8, 9, 10, 11));
  t.deepEqual(recent.read(7, 10), []);
  t.deepEqual(positionsOf(recent.read(8, 10)), [9, 10, 11]);
});

test("what was just appended is read without its file", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, recentBytes: 1 << 20 });
  await appendAll(spool, [1, 2, 3]);
  const stored = await spool.read(0, 10);
  await rm(join(folder, "0000000000000001.segment"));
  t.deepEqual(await spool.read(0, 10), stored);
  spool.acknowledge(2, { created: "c", seq: 2, eventId: "id" });
  t.deepEqual(positionsOf(await spool.read(2, 10)), [3]);
  await t.throwsAsync(spool.read(0, 10), { code: "ENOENT" }, "what is acknowledged is in the file alone");
});

test("a rewind reads the acknowledged events from the files, and continues with the recent ones", async (t) => {
  const spool = await makeSpool(t, { recentBytes: 1 << 20 });
  await appendAll(spool, [1, 2, 3]);
  spool.acknowledge(2, { created: "c", seq: 2, eventId: "id" });
  t.is(spool.rewind(), 3);
  t.deepEqual(numbersOf((await spool.read(0, 10)).map(({ body }) => body)), [1, 2, 3]);
});

test("a reader sees the events of the files, each once, whatever fails, is trimmed or does not fit into memory", async (t) => {
  const random = seededRandom(t);
  for (let round = 0; round < 20; round++) {
    const folder = await tempFolder(t);
    const faults: Faults = {};
    const spool = await makeSpool(t, {
      folder,
      recentBytes: random(0, 6000),
      segmentBytes: random(500, 4000),
      openFile: faultyFiles(faults),
    });
    const seen: StoredEvent[] = [];
    const durable: number[] = [];
    for (let number = 0; number < 120; ) {
      const fault = (["write", "sync", undefined, undefined, undefined] as const)[random(0, 5)];
      if (fault !== undefined) faults[fault] = errno("EIO");
      const group = Array.from({ length: random(1, 12) }, () => number++);
      const errors = await appendAll(spool, group);
      durable.push(...group.filter((_, at) => !errors.has(at)));
      if (fault !== undefined) delete faults[fault];

      const events = await spool.read(seen.length, random(1, 20));
      seen.push(...events);
      if (random(0, 2) === 0) spool.acknowledge(seen.length, { created: "c", seq: 1, eventId: "id" });
    }
    for (let more = await spool.read(seen.length, 100); more.length > 0; more = await spool.read(seen.length, 100)) {
      seen.push(...more);
    }
    await spool.close();
    t.deepEqual(
      positionsOf(seen),
      seen.map((_, at) => at + 1),
    );
    t.deepEqual(numbersOf(seen.map(({ body }) => body)), durable);
    const files = await makeSpool(t, { folder });
    for (const event of seen) t.deepEqual((await files.read(event.position - 1, 1))[0], event);
  }
});
