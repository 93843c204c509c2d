import { cp, mkdir, readdir, readFile, readlink, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { SpoolOptions } from "../../../src/audit/spool/options.ts";
import { type OpenSpoolFile, openDiskFile } from "../../../src/audit/spool/segment-file.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { errno, type Faults, faultyFiles } from "../../support/files/spool-files.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { waitUntil } from "../../support/wait-until.ts";

const unavailable = { name: "AuditError", code: "UNAVAILABLE" };
const FIRST = "0000000000000001.segment";

/** A spool that a forwarder reads, with the events 1 to 3. It reads them from its files. */
async function spoolOfThree(t: ExecutionContext, overrides: Partial<SpoolOptions> = {}) {
  const folder = join(await tempFolder(t), "spool");
  const spool = await makeSpool(t, { folder, forwarded: true, maxBytes: 1 << 24, ...overrides });
  for (const number of [1, 2, 3]) await spool.append(issued(number), TIME);
  return { spool, folder };
}

const numbersIn = async (spool: Spool) => numbersOf(await bodiesOf(spool));

/** The files of the folder that this process has open, each as often as it is open. */
async function openFiles(folder: string): Promise<string[]> {
  const links = await readdir("/proc/self/fd");
  const paths = await Promise.all(links.map((link) => readlink(`/proc/self/fd/${link}`).catch(() => "")));
  return paths.filter((path) => path.startsWith(folder));
}

async function refuses(t: ExecutionContext, spool: Spool, cause: RegExp): Promise<void> {
  const error = await t.throwsAsync(spool.append(issued(100), TIME), unavailable);
  t.regex(error?.cause instanceof Error ? error.cause.message : "", cause);
  await t.throwsAsync(spool.examine(false), unavailable);
  await t.throwsAsync(spool.examine(true), unavailable);
}

test("after its segment was unlinked no event is answered, and what was answered is read from the open file", async (t) => {
  const { spool, folder } = await spoolOfThree(t);
  await rm(join(folder, FIRST));
  await refuses(t, spool, /0001\.segment was removed, moved or replaced while it was in use$/);
  t.deepEqual(await numbersIn(spool), [1, 2, 3]);
  await writeFile(join(folder, FIRST), await readFile(join(folder, "identity.json")));
  await refuses(t, spool, /removed, moved or replaced/);
});

test("after its folder was renamed no event is answered, until it is renamed back", async (t) => {
  const { spool, folder } = await spoolOfThree(t);
  await rename(folder, `${folder}.away`);
  await refuses(t, spool, /removed, moved or replaced/);
  t.deepEqual(await numbersIn(spool), [1, 2, 3]);
  await rename(`${folder}.away`, folder);
  await spool.examine(true);
  await spool.append(issued(4), TIME);
  t.deepEqual(await numbersIn(spool), [1, 2, 3, 4]);
  await spool.close();
  t.deepEqual(await numbersIn(await makeSpool(t, { folder })), [1, 2, 3, 4]);
});

for (const size of [0, 100]) {
  test(`after its segment was truncated to ${size} bytes no event is answered, even when it has its length again`, async (t) => {
    const { spool, folder } = await spoolOfThree(t, { recentBytes: 1 << 20 });
    await truncate(join(folder, FIRST), size);
    await refuses(t, spool, /0001\.segment was truncated while it was in use$/);
    await truncate(join(folder, FIRST), 1 << 20);
    await t.throwsAsync(spool.append(issued(100), TIME), unavailable);
    t.deepEqual(await numbersIn(spool), [1, 2, 3], "from memory");
  });
}

test("a truncation is noticed when the next event needs more zeros ahead", async (t) => {
  const { spool, folder } = await spoolOfThree(t);
  const large = { ...issued(4), audience: ["a".repeat(100_000)] };
  await spool.append(large, TIME);
  await truncate(join(folder, FIRST), 0);
  const group = Array.from({ length: 3 }, () => spool.append(large, TIME));
  for (const one of group) await t.throwsAsync(one, unavailable);
});

test("an older segment that is gone is found when the storage is examined, and read from the open file", async (t) => {
  const { spool, folder } = await spoolOfThree(t, { segmentBytes: 1 });
  await spool.examine(false);
  await rm(join(folder, FIRST));
  const error = await t.throwsAsync(spool.examine(false), unavailable);
  t.like(error?.cause, { message: `${join(folder, FIRST)} was removed, moved or replaced while it was in use` });
  t.deepEqual(await numbersIn(spool), [1, 2, 3]);
});

test("a segment whose first event could not be written is kept open as well", async (t) => {
  const folder = join(await tempFolder(t), "spool");
  const faults: Faults = { write: errno("ENOSPC") };
  const spool = await makeSpool(t, { folder, forwarded: true, openFile: faultyFiles(faults) });
  await t.throwsAsync(spool.append(issued(1), TIME), unavailable);
  delete faults.write;
  await spool.append(issued(2), TIME);
  t.deepEqual(await spool.read(1, 1), [], "all that was to be opened is open");
  await rm(join(folder, FIRST));
  t.deepEqual(await numbersIn(spool), [2]);
});

test("a segment that is trimmed is closed, because an open file keeps its space", async (t) => {
  const { spool, folder } = await spoolOfThree(t, { segmentBytes: 1 });
  t.deepEqual(numbersOf((await spool.read(1, 1)).map(({ body }) => body)), [2]);
  spool.acknowledge(2, { created: "2026-01-01T00:00:00Z", seq: 2, eventId: "id" });
  await spool.trim(0);
  t.deepEqual(
    (await openFiles(folder)).filter((path) => path.endsWith(" (deleted)")),
    [],
  );
});

test("an acknowledged segment that is gone stops issuing until it would have been trimmed", async (t) => {
  const { spool, folder } = await spoolOfThree(t, { segmentBytes: 1 });
  spool.acknowledge(2, { created: "2026-01-01T00:00:00Z", seq: 2, eventId: "id" });
  await rm(join(folder, FIRST));
  await t.throwsAsync(spool.examine(true), unavailable);
  await spool.trim(0);
  await spool.examine(true);
  t.deepEqual(await numbersIn(spool), [3]);
});

test("an examination, and so the next group, does not wait while many segments are trimmed", async (t) => {
  const spool = await makeSpool(t, { segmentBytes: 1, maxBytes: 1 << 24 });
  for (let number = 1; number <= 50; number++) await spool.append(issued(number), TIME);
  spool.acknowledge(49, { created: "2026-01-01T00:00:00Z", seq: 49, eventId: "id" });
  const order: string[] = [];
  const trimmed = spool.trim(0).then(() => order.push("trimmed"));
  await spool.examine(false).then(() => order.push("examined"));
  await trimmed;
  t.deepEqual(order, ["examined", "trimmed"]);
});

test("segments of an earlier run are kept open too, and closed when they are acknowledged", async (t) => {
  const { spool, folder } = await spoolOfThree(t, { segmentBytes: 1 });
  await spool.close();
  const next = await makeSpool(t, { folder, forwarded: true, maxBytes: 1 << 24, segmentBytes: 1 });
  const opened = async () => (await openFiles(folder)).length;
  t.is(await opened(), 3);
  await rename(folder, `${folder}.away`);
  t.deepEqual(await numbersIn(next), [1, 2, 3]);
  await rename(`${folder}.away`, folder);
  next.acknowledge(3, { created: "2026-01-01T00:00:00Z", seq: 3, eventId: "id" });
  await next.append(issued(4), TIME);
  // The segment that was read last, and the new one twice: it is being written.
  await waitUntil("the others are closed", async () => (await opened()) === 3);
});

test("an identity that is gone or changed is found when the storage is examined, and put back by a probe", async (t) => {
  const { spool, folder } = await spoolOfThree(t);
  const identity = join(folder, "identity.json");
  const before = await readFile(identity, "utf8");
  for (const damage of [() => rm(identity), () => writeFile(identity, "{}")]) {
    await damage();
    await t.throwsAsync(spool.examine(false), { ...unavailable, message: /identity\.json is not as it was written$/ });
    await spool.examine(true);
    t.is(await readFile(identity, "utf8"), before);
  }
});

test("nothing is written to, or deleted from, a folder that has taken the place of the spool's", async (t) => {
  const { spool, folder } = await spoolOfThree(t, { segmentBytes: 1 });
  spool.acknowledge(2, { created: "2026-01-01T00:00:00Z", seq: 2, eventId: "id" });
  await rename(folder, `${folder}.away`);
  await cp(`${folder}.away`, folder, { recursive: true });
  const contents = async () => {
    const names = await readdir(folder);
    return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "hex")]));
  };
  const before = await contents();
  await t.throwsAsync(spool.trim(0), { message: /removed, moved or replaced/ });
  await refuses(t, spool, /removed, moved or replaced/);
  await spool.close();
  t.deepEqual(await contents(), before);
});

test("an empty folder in place of the spool's gets no segment", async (t) => {
  const folder = join(await tempFolder(t), "spool");
  const spool = await makeSpool(t, { folder });
  await rename(folder, `${folder}.away`);
  await mkdir(folder);
  await refuses(t, spool, /removed, moved or replaced/);
  t.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
  await rename(`${folder}.away`, folder);
  await spool.examine(true);
  await spool.append(issued(1), TIME);
  t.deepEqual(await numbersIn(spool), [1]);
});

test("without the look at the file, events that no other process would find are answered", async (t) => {
  const blind: OpenSpoolFile = async (path, mode) => ({ ...(await openDiskFile(path, mode)), look: () => {} });
  const { spool, folder } = await spoolOfThree(t, { openFile: blind });
  await rm(join(folder, FIRST));
  await t.notThrowsAsync(spool.append(issued(4), TIME));
  t.deepEqual(await numbersIn(await makeSpool(t, { folder })), []);
});
