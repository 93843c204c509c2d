import { hash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { errno, type Faults, faultyFiles } from "../../support/files/spool-files.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";

const unavailable = { name: "AuditError", code: "UNAVAILABLE" };

/** The only segment in a spool's folder. */
async function segmentIn(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".segment"));
  return join(folder, names[0] ?? "");
}

/** Damages the last event of a segment, as a disk does under an open spool. */
async function damageLast(file: string): Promise<void> {
  const bytes = await readFile(file);
  // Zeros are written ahead.
  const at = bytes.findLastIndex((byte) => byte !== 0) - 4;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(file, bytes);
}

async function requireWholeChain(spool: Spool): Promise<[epoch: string, seq: string][]> {
  const bodies = await bodiesOf(spool);
  const events = bodies.map((body) => JSON.parse(body.toString()));
  for (const [at, event] of events.entries()) {
    const before = bodies[at - 1];
    const expected = before && hash("sha256", before, "base64");
    if (event.prevHash !== expected) throw new Error(`event ${at} does not link to the one before`);
  }
  return events.map((event) => [event.epoch, event.seq]);
}

for (const code of ["ENOSPC", "EIO"]) {
  test(`a write that fails with ${code} halfway rejects its group, and the next event takes the place`, async (t) => {
    const folder = await tempFolder(t);
    const faults: Faults = {};
    const spool = await makeSpool(t, { folder, openFile: faultyFiles(faults) });
    await spool.append(issued(1), TIME);
    faults.write = errno(code);
    const group = [2, 3].map((number) => spool.append(issued(number), TIME));
    for (const append of group) await t.throwsAsync(append, unavailable);
    delete faults.write;
    await spool.append(issued(4), TIME);
    t.deepEqual(numbersOf(await bodiesOf(spool)), [1, 4]);
    t.deepEqual(await requireWholeChain(spool), [
      ["1", "1"],
      ["1", "2"],
    ]);
    await spool.close();
    t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [1, 4]);
  });
}

for (const operations of [["sync"], ["write", "truncate"]] as const) {
  test(`after a failed ${operations.join(" and ")} the segment is left, and a new epoch goes on`, async (t) => {
    const folder = await tempFolder(t);
    const faults: Faults = {};
    const spool = await makeSpool(t, { folder, openFile: faultyFiles(faults) });
    await spool.append(issued(1), TIME);
    for (const operation of operations) faults[operation] = errno("EIO");
    await t.throwsAsync(spool.append(issued(2), TIME), unavailable);
    await t.throwsAsync(spool.append(issued(3), TIME), unavailable, "as long as the end can't be settled");
    for (const operation of operations) delete faults[operation];
    await spool.append(issued(4), TIME);
    t.deepEqual(numbersOf(await bodiesOf(spool)), [1, 4]);
    t.deepEqual(await requireWholeChain(spool), [
      ["1", "1"],
      ["2", "1"],
    ]);
    await spool.close();
    const reopened = await makeSpool(t, { folder });
    await reopened.append(issued(5), TIME);
    t.deepEqual(numbersOf(await bodiesOf(reopened)), [1, 4, 5]);
    t.deepEqual(await requireWholeChain(reopened), [
      ["1", "1"],
      ["2", "1"],
      ["3", "1"],
    ]);
  });
}

test("a failed sync of the very first event leaves nothing behind", async (t) => {
  const faults: Faults = { sync: errno("EIO") };
  const spool = await makeSpool(t, { openFile: faultyFiles(faults) });
  await t.throwsAsync(spool.append(issued(1), TIME), unavailable);
  delete faults.sync;
  await spool.append(issued(2), TIME);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [2]);
  t.deepEqual(await requireWholeChain(spool), [["2", "1"]]);
});

test("the next epoch links to the last event also when that was trimmed while no segment could be made after it", async (t) => {
  const folder = await tempFolder(t);
  const faults: Faults = {};
  const spool = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 20, openFile: faultyFiles(faults) });
  await spool.append(issued(1), TIME);
  faults.open = errno("EMFILE");
  await t.throwsAsync(spool.append(issued(2), TIME), unavailable);
  spool.acknowledge(1, { created: "2026-01-01T00:00:00Z", seq: 1, eventId: "id" });
  const [last = Buffer.alloc(0)] = await bodiesOf(spool);
  await spool.trim(0);
  t.deepEqual(await bodiesOf(spool), []);
  await spool.close();
  const reopened = await makeSpool(t, { folder });
  await reopened.append(issued(3), TIME);
  const [next] = await bodiesOf(reopened);
  t.like(JSON.parse(String(next)), { epoch: "2", seq: "1", prevHash: hash("sha256", last, "base64") });
});

test("a full segment that can't be closed fails one group as UNAVAILABLE, and later events go to the next segment", async (t) => {
  const folder = await tempFolder(t);
  const faults: Faults = {};
  const spool = await makeSpool(t, { folder, openFile: faultyFiles(faults), segmentBytes: 1 });
  await spool.append(issued(1), TIME);
  faults.close = errno("EIO");
  await t.throwsAsync(spool.append(issued(2), TIME), unavailable);
  delete faults.close;
  await spool.append(issued(3), TIME);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1, 3]);
});

test("an empty segment that is gone already when its end is settled does not prevent writing", async (t) => {
  const folder = await tempFolder(t);
  const faults: Faults = { sync: errno("EIO") };
  const spool = await makeSpool(t, { folder, openFile: faultyFiles(faults) });
  await t.throwsAsync(spool.append(issued(1), TIME), unavailable);
  await rm(await segmentIn(folder));
  delete faults.sync;
  await t.notThrowsAsync(spool.append(issued(2), TIME));
  t.deepEqual(numbersOf(await bodiesOf(spool)), [2]);
});

test("a damaged event behind good ones is CORRUPT at every read", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder });
  for (const number of [1, 2, 3]) await spool.append(issued(number), TIME);
  await damageLast(await segmentIn(folder));
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await t.throwsAsync(spool.read(2, 10), { name: "AuditError", code: "CORRUPT" });
    t.regex(error?.message ?? "", /\.segment: damaged frame at offset \d+$/);
  }
});

test("the depth of a spool whose oldest event can't be read is reported without its time", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder });
  await spool.append(issued(1), TIME);
  await damageLast(await segmentIn(folder));
  const { events, bytes, oldestTime } = await spool.depth();
  t.deepEqual({ events, oldestTime }, { events: 1, oldestTime: undefined });
  t.true(bytes > 0);
});
