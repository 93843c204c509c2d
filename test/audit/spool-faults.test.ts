import { hash } from "node:crypto";
import test from "ava";
import type { Spool } from "../../src/audit/spool.ts";
import { errno, type Faults, faultyFiles } from "../support/spool-files.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../support/spool-fixture.ts";
import { tempFolder } from "../support/temp.ts";

const unavailable = { name: "AuditError", code: "UNAVAILABLE" };

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

test("the last event is kept for the next epoch to link to, also when no segment can be made after it", async (t) => {
  const folder = await tempFolder(t);
  const faults: Faults = {};
  const spool = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 20, openFile: faultyFiles(faults) });
  await spool.append(issued(1), TIME);
  faults.open = errno("EMFILE");
  await t.throwsAsync(spool.append(issued(2), TIME), unavailable);
  spool.acknowledge(1, { created: "2026-01-01T00:00:00Z", seq: 1, eventId: "id" });
  await spool.trim(0);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1]);
  await spool.close();
  const reopened = await makeSpool(t, { folder });
  await reopened.append(issued(3), TIME);
  t.deepEqual(await requireWholeChain(reopened), [
    ["1", "1"],
    ["2", "1"],
  ]);
});
