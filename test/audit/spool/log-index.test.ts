import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { EMPTY_EDGE, grow, rootOf } from "../../../src/audit/tree/edge.ts";
import { leafHash } from "../../../src/audit/tree/hash.ts";
import { errno, type Faults, faultyFiles } from "../../support/files/spool-files.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";

const appendAll = (spool: Spool, numbers: readonly number[]) =>
  Promise.all(numbers.map((number) => spool.append(issued(number), TIME)));

const indexesOf = (bodies: readonly Buffer[]) => bodies.map((body) => JSON.parse(body.toString()).logIndex);

const upTo = (count: number) => Array.from({ length: count }, (_, at) => String(at));

/** The indexes count from 0, and the tree has the bodies as leaves. */
async function isWhole(t: ExecutionContext, spool: Spool, numbers: readonly number[]): Promise<void> {
  const bodies = await bodiesOf(spool);
  t.deepEqual(numbersOf(bodies), numbers);
  t.deepEqual(indexesOf(bodies), upTo(bodies.length));
  const edge = bodies.reduce((before, body) => grow(before, leafHash(body)), EMPTY_EDGE);
  const { size, root } = spool.checkpointable();
  t.deepEqual([size, root.toString("hex")], [edge.size, rootOf(edge).toString("hex")]);
}

test("each event has its index in the writer's log, across groups and epochs", async (t) => {
  const folder = await tempFolder(t);
  const all: number[] = [];
  for (const numbers of [[1], [2, 3, 4], [], [5, 6]]) {
    const spool = await makeSpool(t, { folder });
    await appendAll(spool, numbers);
    all.push(...numbers);
    await isWhole(t, spool, all);
    t.is(spool.checkpointable().position, all.length);
    await spool.close();
  }
});

test("a spool that was not closed makes its tree again from its events", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder });
  const atOpen = await readFile(join(folder, "identity.json"));
  await appendAll(spool, [1, 2, 3]);
  await spool.close();
  await writeFile(join(folder, "identity.json"), atOpen);
  await isWhole(t, await makeSpool(t, { folder }), [1, 2, 3]);
});

test("the tree outlives the events that were trimmed", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 24 });
  for (const number of [1, 2, 3]) await spool.append(issued(number), TIME);
  const leaves = await bodiesOf(spool);
  spool.acknowledge(3, { created: "2026-01-01T00:00:00Z", seq: 3, eventId: "id" });
  await spool.trim(0);
  await spool.close();
  const again = await makeSpool(t, { folder });
  await again.append(issued(4), TIME);
  const [last = Buffer.alloc(0)] = (await again.read(3, 1)).map(({ body }) => body);
  t.deepEqual(indexesOf([last]), ["3"]);
  const edge = [...leaves, last].reduce((before, body) => grow(before, leafHash(body)), EMPTY_EDGE);
  t.deepEqual(again.checkpointable().root, rootOf(edge));
});

for (const operation of ["write", "sync", "truncate"] as const)
  test(`a group that is lost by a failed ${operation} has moved neither the index nor the tree`, async (t) => {
    const faults: Faults = {};
    const spool = await makeSpool(t, { openFile: faultyFiles(faults) });
    await appendAll(spool, [1, 2]);
    const before = spool.checkpointable();
    // Only after a failed write is anything truncated.
    if (operation === "truncate") faults.write = errno("EIO");
    faults[operation] = errno("EIO");
    await t.throwsAsync(appendAll(spool, [3, 4]), { code: "UNAVAILABLE" });
    t.deepEqual(spool.checkpointable(), before);
    for (const name of ["write", "sync", "truncate"] as const) delete faults[name];
    await appendAll(spool, [5]);
    await isWhole(t, spool, [1, 2, 5]);
  });

test("an event that is refused takes no index", async (t) => {
  const spool = await makeSpool(t);
  const large = { ...issued(2), audience: ["a".repeat(200_000)] };
  const errors = await spool.appendAll([
    [issued(1), TIME],
    [large, TIME],
    [issued(3), TIME],
  ]);
  t.deepEqual([...errors.keys()], [1]);
  await isWhole(t, spool, [1, 3]);
});

test("a spool of a version without a tree keeps its events, and a new writer begins behind them", async (t) => {
  const folder = await tempFolder(t);
  const old = await makeSpool(t, { folder });
  await appendAll(old, [1, 2]);
  await old.close();
  const { tree, ...identity } = JSON.parse(await readFile(join(folder, "identity.json"), "utf8"));
  t.is(tree.size, 2, "control");
  await writeFile(join(folder, "identity.json"), JSON.stringify(identity));

  const spool = await makeSpool(t, { folder, writer: () => "writer-2" });
  t.is(spool.checkpointable().size, 0);
  await appendAll(spool, [3]);
  t.deepEqual(numbersOf(await bodiesOf(spool)), [1, 2, 3], "those that NATS has not got are forwarded");
  const events = (await bodiesOf(spool)).map((body) => JSON.parse(body.toString()));
  t.like(events[1], { writer: "writer-1", epoch: "1", seq: "2" });
  t.like(events[2], { writer: "writer-2", epoch: "1", seq: "1", logIndex: "0", prevHash: undefined });
  await spool.close();
  const again = await makeSpool(t, { folder });
  await appendAll(again, [4]);
  t.like(JSON.parse((await bodiesOf(again)).at(-1)?.toString() ?? ""), {
    writer: "writer-2",
    epoch: "2",
    logIndex: "1",
  });
});

test("negative control: with the tree of another log the root is not that of the events", async (t) => {
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder });
  await appendAll(spool, [1, 2]);
  const { root } = spool.checkpointable();
  await spool.close();
  const path = join(folder, "identity.json");
  const identity = JSON.parse(await readFile(path, "utf8"));
  identity.tree.roots = [Buffer.alloc(32).toString("base64")];
  await writeFile(path, JSON.stringify(identity));
  t.notDeepEqual((await makeSpool(t, { folder })).checkpointable().root, root);
  for (const tree of [{ size: 2, roots: [] }, { size: -1, roots: [] }, { roots: [] }, 7]) {
    await writeFile(path, JSON.stringify({ ...identity, tree }));
    await t.throwsAsync(makeSpool(t, { folder }), { code: "CORRUPT" }, JSON.stringify(tree));
  }
});
