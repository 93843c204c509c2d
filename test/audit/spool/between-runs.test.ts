import { cp, mkdir, readdir, readFile, rm, rmdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { waitUntil } from "../../support/wait-until.ts";

const MARK = { created: "2026-01-01T00:00:00Z", seq: 1, eventId: "id" };

/** An open spool with three events in each of three segments: 1 to 3, 4 to 6, 7 to 9. */
async function openNine(t: ExecutionContext): Promise<{ folder: string; spool: Spool }> {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 24 });
  for (const group of [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ])
    await Promise.all(group.map((number) => spool.append(issued(number), TIME)));
  return { folder, spool };
}

/** The folder of {@link openNine}, closed. */
async function nineIn(t: ExecutionContext): Promise<string> {
  const { folder, spool } = await openNine(t);
  await spool.close();
  return folder;
}

const segment = (folder: string, first: number) => join(folder, `${String(first).padStart(16, "0")}.segment`);

/** Where the last frame of a segment begins. */
async function lastFrame(file: string): Promise<number> {
  const bytes = await readFile(file);
  let last = 0;
  for (let at = 0; at < bytes.length; at += 8 + (bytes.readUInt32BE(at) & 0x7fff_ffff)) last = at;
  return last;
}

const REMOVALS: readonly (readonly [string, (folder: string) => Promise<unknown>, string])[] = [
  ["the first segment is removed", (folder) => rm(segment(folder, 1)), "1-3"],
  ["a segment between others is removed", (folder) => rm(segment(folder, 4)), "4-6"],
  ["the last segment is removed", (folder) => rm(segment(folder, 7)), "7-9"],
  ["all segments are removed", (folder) => Promise.all([1, 4, 7].map((first) => rm(segment(folder, first)))), "1-9"],
  ["the first and the last are removed", (folder) => Promise.all([1, 7].map((n) => rm(segment(folder, n)))), "1-3,7-9"],
  ["a segment between others is emptied", (folder) => truncate(segment(folder, 4)), "4-6"],
  ["the last segment is emptied", (folder) => truncate(segment(folder, 7)), "7-9"],
  ["the last segment has zeros only", (folder) => writeFile(segment(folder, 7), Buffer.alloc(4096)), "7-9"],
  ...([4, 7] as const).map(
    (first) =>
      [
        `segment ${first} is cut off between two events`,
        async (folder: string) => truncate(segment(folder, first), await lastFrame(segment(folder, first))),
        `${first + 2}-${first + 2}`,
      ] as const,
  ),
];

for (const [what, remove, missing] of REMOVALS) {
  test(`where ${what}, a closed spool is refused with the numbers, and opens once exactly this loss is accepted`, async (t) => {
    const folder = await nineIn(t);
    await remove(folder);
    const found = await readdir(folder);
    const loss = `events:${missing}`;
    for (const acceptLosses of [[], ["events:1-2"], ["events:1-10"]]) {
      const error = await t.throwsAsync(makeSpool(t, { folder, acceptLosses }), { code: "CORRUPT" });
      t.true(error?.message.startsWith(`${folder}: stored events are missing: `), error?.message);
      t.true(error?.message.includes(`start once with --accept-loss ${loss}, `), error?.message);
    }
    t.deepEqual(await readdir(folder), found, "nothing was changed");

    const spool = await makeSpool(t, { folder, acceptLosses: [loss] });
    t.is(spool.acceptedLoss, loss);
    await spool.append(issued(10), TIME);
    const numbers = numbersOf(await bodiesOf(spool));
    t.is(numbers.at(-1), 10);
    await spool.close();
    const again = await makeSpool(t, { folder });
    t.is(again.acceptedLoss, undefined);
    t.deepEqual(numbersOf(await bodiesOf(again)), numbers, "it stays accepted");
    await again.close();
    await rm(segment(folder, 10));
    await t.throwsAsync(makeSpool(t, { folder, acceptLosses: [loss] }), {
      code: "CORRUPT",
      message: /--accept-loss events:10-10/,
    });
  });
}

for (const lost of [1, 4, 7])
  test(`after an accepted loss from event ${lost} on a new writer begins, since the tree can't go on`, async (t) => {
    const folder = await nineIn(t);
    await rm(segment(folder, lost));
    const accepted = { folder, acceptLosses: [`events:${lost}-${lost + 2}`], writer: () => "writer-2" };
    const spool = await makeSpool(t, accepted);
    await spool.append(issued(10), TIME);
    const { prevHash, ...event } = JSON.parse((await bodiesOf(spool)).at(-1)?.toString() ?? "");
    t.like(event, { writer: "writer-2", epoch: "1", seq: "1", logIndex: "0" });
    t.is(prevHash, undefined);
    t.is((await spool.read(9, 1))[0]?.position, 10, "no number is used twice");
    await spool.close();
    t.is((await makeSpool(t, { folder, writer: () => "writer-3" })).writer, "writer-2", "once");
  });

test("a reader waits for the next event behind an accepted loss, and does not spin", async (t) => {
  const folder = await nineIn(t);
  await rm(segment(folder, 7));
  const spool = await makeSpool(t, { folder, acceptLosses: ["events:7-9"] });
  const changed = spool.changed(6, new AbortController().signal).then(() => "changed");
  t.is(await Promise.race([changed, new Promise((resolve) => setImmediate(resolve, "waits"))]), "waits");
  await spool.append(issued(10), TIME);
  t.is(await changed, "changed");
});

test("an event that was replaced by another one, with a right checksum, is CORRUPT", async (t) => {
  const folder = await nineIn(t);
  await cp(segment(await nineIn(t), 7), segment(folder, 7));
  const error = await t.throwsAsync(makeSpool(t, { folder }), { code: "CORRUPT" });
  t.is(error?.message, `${segment(folder, 7)}: event 9 is another one than the spool had stored`);
});

test("a segment that holds the events of another one is CORRUPT", async (t) => {
  const folder = await nineIn(t);
  await cp(segment(folder, 4), segment(folder, 3));
  await t.throwsAsync(makeSpool(t, { folder }), { code: "CORRUPT", message: /begins with event 3, but 0+1\.segment/ });
});

test("the removal of what was trimmed, of all of it, is no loss, and neither is a removal that a crash undid", async (t) => {
  const { folder, spool } = await openNine(t);
  const copy = await tempFolder(t);
  await cp(folder, copy, { recursive: true });
  spool.acknowledge(6, MARK);
  await spool.trim(0);
  await spool.close();
  const trimmed = await makeSpool(t, { folder });
  t.deepEqual(numbersOf(await bodiesOf(trimmed)), [7, 8, 9]);
  trimmed.acknowledge(9, MARK);
  await trimmed.trim(0);
  await trimmed.close();
  t.deepEqual((await readdir(folder)).toSorted(), ["acknowledged.json", "identity.json"]);
  await (await makeSpool(t, { folder })).close();

  await cp(segment(copy, 4), segment(folder, 4));
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [4, 5, 6]);
});

test("a crash between the note of what is trimmed and its removal leaves a spool that opens", async (t) => {
  const { folder, spool } = await openNine(t);
  spool.acknowledge(6, MARK);
  await rm(segment(folder, 1));
  // What can't be removed stands for the crash.
  await mkdir(segment(folder, 1));
  await t.throwsAsync(spool.trim(0), { code: "ERR_FS_EISDIR" });
  await rmdir(segment(folder, 1));
  const crashed = await tempFolder(t);
  await cp(folder, crashed, { recursive: true });
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder: crashed }))), [4, 5, 6, 7, 8, 9]);
});

test("a disk too full to note what is trimmed gets room all the same, and the spool opens afterwards", async (t) => {
  const { folder, spool } = await openNine(t);
  spool.acknowledge(6, MARK);
  // In place of the file that is written first.
  await mkdir(join(folder, "identity.json.new"));
  await t.throwsAsync(spool.trim(0), { code: "UNAVAILABLE" });
  t.deepEqual(numbersOf(await bodiesOf(spool)), [4, 5, 6, 7, 8, 9]);
  await rmdir(join(folder, "identity.json.new"));
  await spool.close();
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [4, 5, 6, 7, 8, 9]);
});

test("a spool that was not closed knows within about a second how far it had reached", async (t) => {
  const { folder } = await openNine(t);
  await waitUntil("the end is noted", async () =>
    (await readFile(join(folder, "acknowledged.json"), "utf8").catch(() => "")).includes('"next":10'),
  );
  const killed = await tempFolder(t);
  await cp(folder, killed, { recursive: true });
  await rm(segment(killed, 7));
  await t.throwsAsync(makeSpool(t, { folder: killed }), { code: "CORRUPT", message: /--accept-loss events:7-9/ });
  await cp(segment(folder, 7), segment(killed, 7));
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder: killed }))), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("without its bookmark a closed spool opens, and its events are sent again", async (t) => {
  const { folder, spool } = await openNine(t);
  spool.acknowledge(9, MARK);
  await spool.close();
  await rm(join(folder, "acknowledged.json"));
  t.is((await makeSpool(t, { folder })).acknowledged.position, 0);
});

test("negative control: a spool whose identity says nothing about its ends opens without its first and last segment", async (t) => {
  const folder = await nineIn(t);
  const { writer, epoch } = JSON.parse(await readFile(join(folder, "identity.json"), "utf8"));
  await writeFile(join(folder, "identity.json"), JSON.stringify({ writer, epoch, next: 1, prevHash: "" }));
  for (const file of [segment(folder, 1), segment(folder, 7), join(folder, "acknowledged.json")]) await rm(file);
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [4, 5, 6]);
});
