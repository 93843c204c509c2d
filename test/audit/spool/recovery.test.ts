import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { leafHash, nodeHash } from "../../../src/audit/tree/hash.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";

const corrupt = { name: "AuditError", code: "CORRUPT" };

/**
 * The folder of a spool with these groups, each in a segment of its own or all in one, as a power failure leaves it:
 * where the log ended is not known.
 */
async function spoolWith(t: ExecutionContext, groups: readonly number[][], segmentBytes: number): Promise<string> {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, segmentBytes, maxBytes: 1 << 24 });
  const identity = await readFile(join(folder, "identity.json"));
  for (const group of groups) await Promise.all(group.map((number) => spool.append(issued(number), TIME)));
  await spool.close();
  await writeFile(join(folder, "identity.json"), identity);
  await rm(join(folder, "acknowledged.json"));
  return folder;
}

async function segmentsOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".segment"));
  return names.toSorted().map((name) => join(folder, name));
}

/** Where the frame with this number, from 0, begins. */
function offsetOf(bytes: Buffer, frame: number): number {
  let offset = 0;
  for (let at = 0; at < frame; at++) offset += 8 + (bytes.readUInt32BE(offset) & 0x7fff_ffff);
  return offset;
}

async function flip(file: string, offset: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
  await writeFile(file, bytes);
}

test("a last frame that is torn at any byte is cut off, and the spool and its index continue", async (t) => {
  const folder = await spoolWith(t, [[1], [2]], 1 << 20);
  const [file = ""] = await segmentsOf(folder);
  const whole = await readFile(file);
  const second = offsetOf(whole, 1);
  const identity = await readFile(join(folder, "identity.json"));
  for (let size = second; size < whole.length; size++) {
    for (const segment of await segmentsOf(folder)) await rm(segment);
    await rm(join(folder, "acknowledged.json"), { force: true });
    await writeFile(join(folder, "identity.json"), identity);
    await writeFile(file, whole.subarray(0, size), { mode: 0o600 });
    const spool = await makeSpool(t, { folder });
    const torn = whole.subarray(second, size).findLastIndex((byte) => byte !== 0) + 1;
    const cut = torn === 0 ? undefined : { file, offset: second, bytes: torn };
    t.deepEqual(spool.cut, cut, `${size} bytes`);
    await spool.append(issued(3), TIME);
    const bodies = await bodiesOf(spool);
    t.deepEqual(numbersOf(bodies), [1, 3], `${size} bytes`);
    t.is(JSON.parse(bodies.at(-1)?.toString() ?? "").logIndex, "1", `${size} bytes`);
    t.deepEqual(spool.checkpointable().root, nodeHash(...(bodies.map(leafHash) as [Buffer, Buffer])), `${size} bytes`);
    await spool.close();
  }
});

test("garbage behind the last frame is cut off", async (t) => {
  const folder = await spoolWith(t, [[1]], 1 << 20);
  const [file = ""] = await segmentsOf(folder);
  const whole = await readFile(file);
  await writeFile(file, Buffer.concat([whole, Buffer.alloc(4096, 1), Buffer.alloc(4096)]));
  const spool = await makeSpool(t, { folder });
  t.deepEqual(spool.cut, { file, offset: whole.length, bytes: 4096 });
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1]);
});

test("the zeros written ahead that a crash leaves are not a torn end, in any segment", async (t) => {
  const folder = await spoolWith(t, [[1], [2]], 1);
  const [first = "", second = ""] = await segmentsOf(folder);
  const { size } = await stat(second);
  for (const file of [first, second]) await appendFile(file, Buffer.alloc(4096));
  const spool = await makeSpool(t, { folder });
  t.is(spool.cut, undefined);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1, 2]);
  t.is((await stat(second)).size, size);
});

const PAGE = 4096;

test("of a group that was being written any pages may be lost: it is cut off, and all before it is there", async (t) => {
  const group = Array.from({ length: 30 }, (_, at) => at + 3);
  const folder = await spoolWith(t, [[1], [2], group], 1 << 20);
  const [file = ""] = await segmentsOf(folder);
  const whole = await readFile(file);
  const identity = await readFile(join(folder, "identity.json"));
  const begin = offsetOf(whole, 2);
  const pages = Math.ceil(whole.length / PAGE);
  t.true(pages > 3);
  for (let lost = 1; lost < 2 ** pages; lost += 1) {
    const bytes = Buffer.from(whole);
    for (let page = 0; page < pages; page += 1)
      if (lost & (1 << page))
        bytes.fill(0, Math.max(begin, page * PAGE), Math.max(begin, Math.min((page + 1) * PAGE, whole.length)));
    for (const segment of await segmentsOf(folder)) await rm(segment);
    await rm(join(folder, "acknowledged.json"), { force: true });
    await writeFile(join(folder, "identity.json"), identity);
    await writeFile(file, bytes, { mode: 0o600 });
    const spool = await makeSpool(t, { folder });
    const numbers = numbersOf(await bodiesOf(spool));
    t.deepEqual(numbers, [1, 2, ...group].slice(0, numbers.length), `pages ${lost.toString(2)}`);
    t.true(numbers.length >= 2 && numbers.length < 32, `pages ${lost.toString(2)}: ${numbers.length} events`);
    await spool.close();
  }
});

test("zeros instead of acknowledged events are CORRUPT, and stay as they are found", async (t) => {
  for (const groups of [[[1], [2]], [[1]]]) {
    const folder = await spoolWith(t, groups, 1);
    // Opened and closed since: the spool knows how far it reached.
    await (await makeSpool(t, { folder })).close();
    const [file = ""] = await segmentsOf(folder);
    const zeros = Buffer.alloc((await stat(file)).size);
    await writeFile(file, zeros);
    await t.throwsAsync(makeSpool(t, { folder }), { code: "CORRUPT", message: /events 1 to 1 \(0+1\.segment\)/ });
    t.deepEqual(await readFile(file), zeros);
  }
});

test("a group whose beginning was not written yet, while its end was, is cut off", async (t) => {
  const folder = await spoolWith(t, [[1], [2, 3]], 1 << 20);
  const [file = ""] = await segmentsOf(folder);
  const whole = await readFile(file);
  await writeFile(file, whole.fill(0, offsetOf(whole, 1), offsetOf(whole, 2)));
  const spool = await makeSpool(t, { folder });
  t.like(spool.cut, { file, offset: offsetOf(whole, 1) });
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1]);
});

test("a group that was torn in the middle is cut off from there, whatever follows", async (t) => {
  const folder = await spoolWith(t, [[1], [2, 3]], 1 << 20);
  const [file = ""] = await segmentsOf(folder);
  await flip(file, offsetOf(await readFile(file), 1) + 100);
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [1]);
});

test("damage to a frame that a later group follows is CORRUPT, with the file and the offset", async (t) => {
  const folder = await spoolWith(t, [[1], [2], [3]], 1 << 20);
  const [file = ""] = await segmentsOf(folder);
  const frame = offsetOf(await readFile(file), 1);
  for (const offset of [1, 3, 5, 100]) {
    await flip(file, frame + offset);
    const error = await t.throwsAsync(makeSpool(t, { folder }), corrupt);
    t.is(error?.message, `${file}: damaged frame at offset ${frame}`);
    await flip(file, frame + offset);
  }
});

test("damage anywhere in a segment that is not the last is CORRUPT", async (t) => {
  const folder = await spoolWith(t, [[1], [2]], 1);
  const [file = ""] = await segmentsOf(folder);
  const size = (await readFile(file)).length;
  await truncate(file, size - 1);
  const error = await t.throwsAsync(makeSpool(t, { folder }), corrupt);
  t.is(error?.message, `${file}: damaged frame at offset 0`);
});

test("an identity that can't be read, or is missing beside segments, is CORRUPT", async (t) => {
  const folder = await spoolWith(t, [[1]], 1 << 20);
  const injecting = '{"writer":"w\\r\\nx: y","epoch":1,"next":1,"prevHash":""}';
  for (const content of ["", "{}", '{"writer":"w","epoch":0,"next":1,"prevHash":""}', injecting]) {
    await writeFile(join(folder, "identity.json"), content);
    await t.throwsAsync(makeSpool(t, { folder }), corrupt, content);
  }
  await rm(join(folder, "identity.json"));
  const error = await t.throwsAsync(makeSpool(t, { folder }), corrupt);
  t.is(error?.message, `${folder}: holds 0000000000000001.segment, but no identity.json`);
});

test("a bookmark that can't be read costs a repetition and nothing else", async (t) => {
  const folder = await spoolWith(t, [[1], [2]], 1 << 20);
  for (const content of [
    "",
    "{",
    '{"position":-1}',
    '{"position":99,"stream":{"created":"c","seq":1,"eventId":"e"}}',
  ]) {
    await writeFile(join(folder, "acknowledged.json"), content, { mode: 0o600 });
    const spool = await makeSpool(t, { folder });
    t.deepEqual(spool.acknowledged, { position: 0, stream: undefined }, content);
    await spool.close();
  }
});
