import { hash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { type OpenSpoolFile, openDiskFile } from "../../../src/audit/spool/segment-file.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { cachedFiles } from "../../support/files/spool-files.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";

const appendAll = (spool: Spool, numbers: readonly number[]) =>
  Promise.all(numbers.map((number) => spool.append(issued(number), TIME)));
const parsed = (body: Buffer) => JSON.parse(body.toString());
const mark = { created: "2026-01-01T00:00:00Z", seq: 1, eventId: "id" };

test("events are read back in the order of their appends, linked by the hash of each body's bytes", async (t) => {
  const spool = await makeSpool(t);
  await appendAll(spool, [1, 2]);
  await appendAll(spool, [3]);
  const bodies = await bodiesOf(spool);
  t.deepEqual(numbersOf(bodies), [1, 2, 3]);
  t.deepEqual(
    bodies.map((body) => [parsed(body).writer, parsed(body).epoch, parsed(body).seq]),
    [1, 2, 3].map((seq) => ["writer-1", "1", String(seq)]),
  );
  t.false("prevHash" in parsed(bodies[0] ?? Buffer.of()));
  for (const [at, body] of bodies.slice(1).entries()) {
    t.is(parsed(body).prevHash, hash("sha256", bodies[at] ?? "", "base64"));
  }
});

test("a new epoch counts from 1 and links to the last body of the epoch before, with the same writer", async (t) => {
  const folder = await tempFolder(t);
  const first = await makeSpool(t, { folder });
  await appendAll(first, [1, 2]);
  await first.close();
  const second = await makeSpool(t, { folder, writer: () => "another" });
  await appendAll(second, [3]);
  const [, last, next] = await bodiesOf(second);
  t.like(parsed(next ?? Buffer.of()), {
    writer: "writer-1",
    epoch: "2",
    seq: "1",
    prevHash: hash("sha256", last ?? "", "base64"),
  });
});

test("an epoch links to the last body also when that has been trimmed", async (t) => {
  const folder = await tempFolder(t);
  const first = await makeSpool(t, { folder });
  await appendAll(first, [1, 2]);
  const last = (await bodiesOf(first)).at(-1) ?? "";
  first.acknowledge(2, mark);
  await first.close();
  const second = await makeSpool(t, { folder });
  await second.trim(0);
  t.deepEqual(await bodiesOf(second), []);
  await second.close();
  const third = await makeSpool(t, { folder });
  await appendAll(third, [3]);
  t.is(parsed((await bodiesOf(third))[0] ?? Buffer.of()).prevHash, hash("sha256", last, "base64"));
});

test("the folder is for its owner only, and so is every file", async (t) => {
  const folder = join(await tempFolder(t), "spool");
  const spool = await makeSpool(t, { folder });
  await appendAll(spool, [1]);
  spool.acknowledge(1, mark);
  await spool.close();
  t.is((await stat(folder)).mode & 0o777, 0o700);
  for (const name of await readdir(folder)) t.is((await stat(join(folder, name))).mode & 0o777, 0o600, name);
});

test("an answered event survives a power failure", async (t) => {
  const folder = await tempFolder(t);
  await appendAll(await makeSpool(t, { folder, openFile: cachedFiles() }), [1, 2, 3]);
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [1, 2, 3]);
});

test("the power failure of these tests does lose what was not synced", async (t) => {
  const folder = await tempFolder(t);
  await appendAll(await makeSpool(t, { folder, openFile: cachedFiles({ lying: true }) }), [1, 2, 3]);
  t.deepEqual(await bodiesOf(await makeSpool(t, { folder })), []);
});

test("all events that wait while a group is synced form one group, with one write and one sync", async (t) => {
  const calls: string[] = [];
  const gate = new EventEmitter();
  const openFile: OpenSpoolFile = async (path, mode) => {
    const file = await openDiskFile(path, mode);
    return {
      ...file,
      write: (bytes) => {
        calls.push("write");
        return file.write(bytes);
      },
      sync: async () => {
        calls.push("sync");
        if (calls.length === 2) {
          const opened = once(gate, "open");
          gate.emit("syncing");
          await opened;
        }
        await file.sync();
      },
    };
  };
  const spool = await makeSpool(t, { openFile });
  const syncing = once(gate, "syncing");
  const first = spool.append(issued(0), TIME);
  await syncing;
  const others = appendAll(
    spool,
    Array.from({ length: 200 }, (_, at) => at + 1),
  );
  t.deepEqual(await spool.read(0, 10), [], "nothing can be read before it is synced");
  gate.emit("open");
  await Promise.all([first, others]);
  t.deepEqual(calls, ["write", "sync", "write", "sync"]);
  t.is((await bodiesOf(spool)).length, 201);
});

test("a full spool refuses with FULL, keeps what it has, and takes events again when it was trimmed", async (t) => {
  const spool = await makeSpool(t, { segmentBytes: 1024, maxBytes: 4096 });
  let held = 0;
  const fill = async () => {
    for (; ; held++) await spool.append(issued(held), TIME);
  };
  await t.throwsAsync(fill(), { name: "AuditError", code: "FULL" });
  t.deepEqual(
    numbersOf(await bodiesOf(spool)),
    Array.from({ length: held }, (_, at) => at),
  );
  t.true((await spool.depth()).bytes <= 4096);
  spool.acknowledge(held, mark);
  await spool.trim(0);
  await spool.append(issued(held), TIME);
  const chain = await bodiesOf(spool);
  t.is(numbersOf(chain).at(-1), held);
  t.is(parsed(chain.at(-1) ?? Buffer.of()).seq, String(held + 1), "a refused event takes no place");
});

test("a segment is deleted only when all of it was acknowledged at least the horizon ago", async (t) => {
  let clock = 5;
  const spool = await makeSpool(t, { segmentBytes: 1, maxBytes: 1 << 20, monotonic: () => clock });
  for (const number of [1, 2, 3]) await spool.append(issued(number), TIME);
  spool.acknowledge(1, mark);
  clock += 59_999;
  await spool.trim(60_000);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1, 2, 3]);
  spool.acknowledge(2, mark);
  clock += 1;
  await spool.trim(60_000);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [2, 3]);
  clock += 60_000;
  await spool.trim(60_000);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [3]);
});

test("the depth counts the unacknowledged events and all, and has the time of the oldest", async (t) => {
  const spool = await makeSpool(t);
  t.deepEqual(await spool.depth(), { events: 0, bytes: 0, oldestTime: undefined, last: 0 });
  await spool.append(issued(1), TIME);
  await spool.append(issued(2), TIME + 5);
  const { events, bytes, oldestTime } = await spool.depth();
  t.deepEqual({ events, oldestTime }, { events: 2, oldestTime: TIME });
  t.true(bytes > 0);
  spool.acknowledge(1, mark);
  t.like(await spool.depth(), { events: 1, oldestTime: TIME + 5, last: 2 });
});

test("a reader that waits is woken by the next durable event, and by its signal", async (t) => {
  const spool = await makeSpool(t);
  const woken = spool.changed(0, new AbortController().signal);
  await spool.append(issued(1), TIME);
  await woken;
  t.deepEqual(
    (await spool.read(0, 10)).map((event) => event.position),
    [1],
  );
  const abort = new AbortController();
  const aborted = spool.changed(1, abort.signal);
  abort.abort();
  await t.notThrowsAsync(aborted);
});

test("the acknowledged position and its place in the stream survive a restart", async (t) => {
  const folder = await tempFolder(t);
  const first = await makeSpool(t, { folder });
  await appendAll(first, [1, 2, 3]);
  first.acknowledge(2, { created: "c", seq: 17, eventId: "e" });
  await first.close();
  const second = await makeSpool(t, { folder });
  t.deepEqual(second.acknowledged, { position: 2, stream: { created: "c", seq: 17, eventId: "e" } });
});

test("a bookmark that was lost begins at the oldest event that is retained", async (t) => {
  const folder = await tempFolder(t);
  const first = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 20 });
  for (const number of [1, 2, 3]) await first.append(issued(number), TIME);
  first.acknowledge(2, mark);
  await first.trim(0);
  await first.close();
  await rm(join(folder, "acknowledged.json"));
  const second = await makeSpool(t, { folder });
  t.is(second.acknowledged.position, 2);
  t.like(await second.depth(), { events: 1 });
});

test("after a rewind everything that is retained is to be sent again", async (t) => {
  const spool = await makeSpool(t, { segmentBytes: 1, maxBytes: 1 << 20 });
  for (const number of [1, 2, 3]) await spool.append(issued(number), TIME);
  spool.acknowledge(3, mark);
  await spool.trim(0);
  t.is(spool.rewind(), 1);
  t.deepEqual(spool.acknowledged, { position: 2, stream: undefined });
  await spool.trim(0);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [3]);
});

test("a closed spool has flushed what was appended and refuses more with UNAVAILABLE", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder });
  const pending = appendAll(spool, [1, 2]);
  await spool.close();
  await pending;
  await t.throwsAsync(spool.append(issued(3), TIME), { name: "AuditError", code: "UNAVAILABLE" });
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [1, 2]);
});

test("a spool whose bookmark can't be written closes all the same, and costs a repetition only", async (t) => {
  const folder = await tempFolder(t);
  let open = 0;
  const openFile: OpenSpoolFile = async (path, mode) => {
    const file = await openDiskFile(path, mode);
    open++;
    return {
      ...file,
      close: async () => {
        await file.close();
        open--;
      },
    };
  };
  const spool = await makeSpool(t, { folder, openFile });
  await spool.append(issued(1), TIME);
  spool.acknowledge(1, mark);
  await mkdir(join(folder, "acknowledged.json.new"));
  await t.notThrowsAsync(spool.close());
  t.is(open, 0, "files are left open");
  t.is((await makeSpool(t, { folder })).acknowledged.position, 0);
});
