import { cp, mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkpointText } from "../../../src/audit/checkpoint/checkpoint.ts";
import { signNote } from "../../../src/audit/checkpoint/note.ts";
import type { SpoolOptions } from "../../../src/audit/spool/options.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import type { Checkpointable } from "../../../src/audit/writer/tip.ts";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { errno, type Faults, faultyFiles } from "../../support/files/spool-files.ts";
import { bodiesOf, issued, makeSpool, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { chainFaults, logOf } from "../../support/nats/audit-trail.ts";

/** Writers writer-1, writer-2, …, whose keys are named after them; `begun` and `closed` are what the spool reports. */
function life() {
  let writers = 0;
  const begun: string[] = [];
  const closed: Checkpointable[] = [];
  const options = {
    writer: () => `writer-${++writers}`,
    logKey: async (writer: string) => ({ origin: `host/audit/${writer}`, verifierKey: `key of ${writer}` }),
    onWriter: (writer: string, reason: string, predecessor: string) =>
      void begun.push([predecessor, reason, writer].join(" ")),
    onClosed: async (log: Checkpointable) => void closed.push(log),
  } satisfies Partial<SpoolOptions>;
  return { options, begun, closed };
}

const append = (spool: Spool, number: number) => spool.append(issued(number), TIME);

/** The events as `writer index what`. The chain and the index of each writer are whole, and the tree is that of its events. */
async function eventsOf(t: ExecutionContext, spool: Spool): Promise<string[]> {
  const bodies = await bodiesOf(spool);
  const entries = bodies.map((body) => ({ event: AuditEvent.fromJSON(JSON.parse(body.toString())), body }));
  t.deepEqual(chainFaults(entries), []);
  const { writer, size, root, position } = spool.checkpointable();
  const trail = bodies.map((body, at) => ({ stream: "SIGNET_AUDIT", seq: at + 1, subject: "", headers: {}, body }));
  t.deepEqual({ size, root: root.toString("base64") }, logOf(trail, writer));
  t.is(position, spool.last);
  return entries.map(({ event }) => {
    const value = event.event;
    const what =
      value?.$case === "writerOpened"
        ? `opened ${value.value.reason}`
        : value?.$case === "writerClosed"
          ? `closed ${value.value.reason} ${value.value.successor}`.trim()
          : value?.$case === "tokenIssued"
            ? value.value.tokenId
            : String(value?.$case);
    return `${event.writer} ${event.logIndex ?? "-"} ${what}`;
  });
}

async function identityOf(folder: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder, "identity.json"), "utf8"));
}

async function noteIn(folder: string, checkpoint: { origin: string; size: number; root: Buffer }): Promise<void> {
  const key = { name: checkpoint.origin, publicKey: Buffer.alloc(32) };
  const note = signNote(checkpointText(checkpoint), key, () => Buffer.alloc(64));
  await writeFile(join(folder, "checkpoint"), note, { mode: 0o600 });
}

test("the first event of a log says who writes it, with which key, and why it began", async (t) => {
  const { options, begun } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, ...options });
  await append(spool, 1);
  t.deepEqual(await eventsOf(t, spool), ["writer-1 0 opened NEW", "writer-1 1 token-1"]);
  t.like(JSON.parse(String((await bodiesOf(spool))[0])), {
    writerOpened: { origin: "host/audit/writer-1", verifierKey: "key of writer-1", reason: "NEW" },
  });
  await spool.close();
  const again = await makeSpool(t, { folder, ...options });
  await append(again, 2);
  t.is((await eventsOf(t, again)).at(-1), "writer-1 2 token-2", "once");
  t.deepEqual(begun, [" NEW writer-1"]);
});

test("a full spool takes the first event of its log all the same", async (t) => {
  const { options } = life();
  const spool = await makeSpool(t, { ...options, segmentBytes: 1, maxBytes: 2 });
  await t.throwsAsync(append(spool, 1), { code: "FULL" });
  t.deepEqual(await eventsOf(t, spool), ["writer-1 0 opened NEW"]);
});

test("an upgrade begins a log behind the events of a version without one, which are still forwarded", async (t) => {
  const { options, begun } = life();
  const folder = await tempFolder(t);
  const old = await makeSpool(t, { folder, writer: () => "writer-0" });
  await append(old, 1);
  await append(old, 2);
  await old.close();
  const { tree, ...identity } = await identityOf(folder);
  t.truthy(tree, "control");
  await writeFile(join(folder, "identity.json"), JSON.stringify(identity));
  const spool = await makeSpool(t, { folder, ...options });
  t.is(spool.acknowledged.position, 0);
  await append(spool, 3);
  const upgraded = ["writer-0 0 token-1", "writer-0 1 token-2", "writer-1 0 opened UPGRADED", "writer-1 1 token-3"];
  t.deepEqual(await eventsOf(t, spool), upgraded);
  t.deepEqual(begun, ["writer-0 UPGRADED writer-1"]);
});

test("after an accepted loss a new writer begins", async (t) => {
  const { options, begun } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 24, ...options });
  for (const number of [1, 2, 3]) await append(spool, number);
  await spool.close();
  await rm(join(folder, "0000000000000003.segment"));
  await t.throwsAsync(makeSpool(t, { folder, ...options }), { code: "CORRUPT" });
  t.is((await identityOf(folder)).writer, "writer-1", "nothing was changed");
  const accepted = await makeSpool(t, { folder, ...options, acceptLosses: ["events:3-3"] });
  await append(accepted, 5);
  const bodies = (await bodiesOf(accepted)).slice(-2).map((body) => JSON.parse(body.toString()));
  t.like(bodies[0], { writer: "writer-2", logIndex: "0", writerOpened: { reason: "LOSS_ACCEPTED" } });
  t.like(bodies[1], { writer: "writer-2", logIndex: "1" });
  t.like(bodies[0].writerOpened, { predecessor: "writer-1", predecessorOrigin: "host/audit/writer-1" });
  t.deepEqual(begun, [" NEW writer-1", "writer-1 LOSS_ACCEPTED writer-2"]);
});

test("a log that is found shorter than its checkpoint, or other than it, does not go on", async (t) => {
  const folder = await tempFolder(t);
  const first = life();
  const spool = await makeSpool(t, { folder, ...first.options });
  await append(spool, 1);
  await spool.close();
  const { size, root, origin } = spool.checkpointable();
  t.is(size, 2);
  const root3 = Buffer.alloc(32, 7);
  for (const [what, checkpoint, writer] of [
    ["of as many events", { origin, size, root }, "writer-1"],
    ["of fewer events, whose root is not known any more", { origin, size: 1, root: root3 }, "writer-1"],
    ["of another log", { origin: "host/audit/writer-9", size: 3, root: root3 }, "writer-1"],
    ["of more events", { origin, size: 3, root: root3 }, "writer-new"],
    ["of other events", { origin, size, root: root3 }, "writer-new"],
    ["that is damaged", undefined, "writer-new"],
  ] as const) {
    const copy = await tempFolder(t);
    await cp(folder, copy, { recursive: true });
    if (checkpoint === undefined) await writeFile(join(copy, "checkpoint"), "damaged", { mode: 0o600 });
    else await noteIn(copy, checkpoint);
    const { options } = life();
    const opened = await makeSpool(t, { folder: copy, ...options, writer: () => "writer-new" });
    t.is(opened.writer, writer, what);
    await append(opened, 2);
    const expected =
      writer === "writer-1"
        ? ["writer-1 2 token-2"]
        : ["writer-new 0 opened BEHIND_CHECKPOINT", "writer-new 1 token-2"];
    t.deepEqual((await eventsOf(t, opened)).slice(2), expected, what);
    await opened.close();
    t.is((await makeSpool(t, { folder: copy, ...options })).writer, writer, `${what}: once`);
  }
});

test("a log that was not closed is compared with its checkpoint event by event", async (t) => {
  const folder = await tempFolder(t);
  const { options } = life();
  const spool = await makeSpool(t, { folder, ...options });
  const atOpen = await readFile(join(folder, "identity.json"));
  await append(spool, 1);
  const { size, root, origin } = spool.checkpointable();
  await append(spool, 2);
  await spool.close();
  for (const [stated, writer] of [
    [root, "writer-1"],
    [Buffer.alloc(32), "writer-2"],
  ] as const) {
    const copy = await tempFolder(t);
    await cp(folder, copy, { recursive: true });
    await writeFile(join(copy, "identity.json"), atOpen);
    await noteIn(copy, { origin, size, root: stated });
    t.is((await makeSpool(t, { folder: copy, ...options, writer: () => "writer-2" })).writer, writer);
  }
});

test("with a new key the log is closed, its last event names the next writer, and appends go on there", async (t) => {
  const { options, begun, closed } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, ...options });
  await append(spool, 1);
  const appends = [2, 3].map((number) => append(spool, number));
  await spool.beginWriter("KEY_ROTATED", TIME);
  await Promise.all([...appends, append(spool, 4)]);
  const events = await eventsOf(t, spool);
  const before = events.filter((event) => event.startsWith("writer-1 "));
  t.regex(before.at(-1) ?? "", /^writer-1 \d closed KEY_ROTATED writer-2$/);
  t.is(events[before.length], "writer-2 0 opened KEY_ROTATED");
  t.deepEqual(
    events.map((event) => event.split(" ")[2]).filter((what) => what?.startsWith("token-")),
    ["token-1", "token-2", "token-3", "token-4"],
  );
  t.like(closed, [{ writer: "writer-1", size: before.length, position: before.length }]);
  t.deepEqual(begun, [" NEW writer-1", "writer-1 KEY_ROTATED writer-2"]);
  t.like(JSON.parse(String((await bodiesOf(spool))[before.length - 1])).writerClosed, {
    successorOrigin: "host/audit/writer-2",
    successorVerifierKey: "key of writer-2",
  });
});

test("a log that is closed for good has no successor, takes nothing more, and the next start begins another one", async (t) => {
  const { options, begun, closed } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, ...options });
  const appends = [1, 2].map((number) => append(spool, number));
  t.like(await spool.closeLog(TIME), { writer: "writer-1", size: 4 });
  await Promise.all(appends);
  await t.throwsAsync(append(spool, 3), { code: "UNAVAILABLE", message: /closed for good/ });
  await t.throwsAsync(
    spool.appendHere(() => [[issued(4), TIME]]),
    { code: "UNAVAILABLE", message: /closed for good/ },
  );
  t.like(await spool.closeLog(TIME), { writer: "writer-1", size: 4 }, "once");
  t.is((await eventsOf(t, spool)).at(-1), "writer-1 3 closed REPLICA_REMOVED");
  t.like(closed.at(-1), { writer: "writer-1", size: 4 });
  await spool.close();
  const toClose = await makeSpool(t, { folder, ...options, closing: true });
  await t.throwsAsync(append(toClose, 3), { code: "UNAVAILABLE", message: /closed for good/ });
  t.like(await toClose.closeLog(TIME), { writer: "writer-1", size: 4 }, "opened to be closed, it stays closed");
  await toClose.close();
  const again = await makeSpool(t, { folder, ...options });
  await append(again, 5);
  t.deepEqual((await eventsOf(t, again)).slice(-2), ["writer-2 0 opened NEW", "writer-2 1 token-5"]);
  t.deepEqual(begun, [" NEW writer-1", "writer-1 NEW writer-2"]);
});

test("a log whose end can't be written or signed is not closed, and to close it again ends what was begun", async (t) => {
  const faults: Faults = {};
  const { options, closed } = life();
  let failures = 1;
  const onClosed = async (log: Checkpointable) => {
    if (failures-- > 0) throw errno("EIO");
    closed.push(log);
  };
  const spool = await makeSpool(t, { ...options, onClosed, openFile: faultyFiles(faults) });
  await append(spool, 1);
  faults.write = errno("EIO");
  await t.throwsAsync(spool.closeLog(TIME), { code: "UNAVAILABLE" });
  delete faults.write;
  await append(spool, 2);
  await t.throwsAsync(spool.closeLog(TIME), { code: "UNAVAILABLE" });
  t.deepEqual(closed, []);
  await spool.closeLog(TIME);
  t.like(closed, [{ writer: "writer-1", size: 4 }]);
  t.deepEqual((await eventsOf(t, spool)).slice(2), ["writer-1 2 token-2", "writer-1 3 closed REPLICA_REMOVED"]);
});

test("a log that is behind its checkpoint in the stream is left as it is, since its end is elsewhere", async (t) => {
  const { options, closed } = life();
  const spool = await makeSpool(t, options);
  await append(spool, 1);
  await spool.beginWriter("BEHIND_CHECKPOINT", TIME);
  t.deepEqual(await eventsOf(t, spool), [
    "writer-1 0 opened NEW",
    "writer-1 1 token-1",
    "writer-2 0 opened BEHIND_CHECKPOINT",
  ]);
  t.deepEqual(closed, []);
});

test("while the end of a closed log can't be signed nothing is appended, and the next log does not begin", async (t) => {
  const { options, begun, closed } = life();
  let failures = 2;
  const onClosed = async (log: Checkpointable) => {
    if (failures-- > 0) throw errno("EIO");
    closed.push(log);
  };
  const spool = await makeSpool(t, { ...options, onClosed });
  await append(spool, 1);
  await t.throwsAsync(spool.beginWriter("KEY_ROTATED", TIME), { code: "UNAVAILABLE" });
  await t.throwsAsync(append(spool, 2), { code: "UNAVAILABLE" });
  t.is(spool.writer, "writer-1");
  t.deepEqual([closed, begun], [[], [" NEW writer-1"]]);
  await append(spool, 3);
  t.like(closed, [{ writer: "writer-1", size: 3 }]);
  t.is(closed.length, 1);
  t.deepEqual((await eventsOf(t, spool)).slice(2), [
    "writer-1 2 closed KEY_ROTATED writer-2",
    "writer-2 0 opened KEY_ROTATED",
    "writer-2 1 token-3",
  ]);
});

test("killed after any byte that a rotation wrote, the spool goes on with either writer, and no place is used twice", async (t) => {
  const folder = await tempFolder(t);
  const { options } = life();
  const spool = await makeSpool(t, { folder, ...options });
  await append(spool, 1);
  const identityBefore = await readFile(join(folder, "identity.json"));
  const file = join(folder, "0000000000000001.segment");
  const durable = (await bodiesOf(spool)).reduce((sum, body) => sum + 8 + body.length, 0);
  await spool.beginWriter("KEY_ROTATED", TIME);
  const identityAfter = await readFile(join(folder, "identity.json"));
  const bodies = await bodiesOf(spool);
  const [, , closed = Buffer.alloc(0)] = bodies;
  await spool.close();
  const whole = await readFile(file);
  const closedAt = durable + 8 + closed.length;
  const outcomes = new Set<string>();
  for (const [identity, from, to] of [
    [identityBefore, durable, closedAt],
    [identityAfter, closedAt, whole.length],
  ] as const)
    for (let size = from; size <= to; size++) {
      const copy = await tempFolder(t);
      await writeFile(join(copy, "identity.json"), identity, { mode: 0o600 });
      await writeFile(join(copy, "0000000000000001.segment"), whole.subarray(0, size), { mode: 0o600 });
      const again = await makeSpool(t, { folder: copy, ...options, writer: () => "writer-9" });
      await append(again, 2);
      const events = await eventsOf(t, again);
      t.deepEqual(events.slice(0, 2), ["writer-1 0 opened NEW", "writer-1 1 token-1"], `${size} bytes`);
      outcomes.add(events.slice(2).join(", "));
      await again.close();
    }
  t.deepEqual(
    [...outcomes],
    ["writer-1 2 token-2", "writer-1 2 closed KEY_ROTATED writer-2, writer-2 0 opened KEY_ROTATED, writer-2 1 token-2"],
  );
});

for (const operation of ["write", "sync"] as const)
  test(`a rotation whose ${operation} fails has begun nothing, and the log goes on`, async (t) => {
    const faults: Faults = {};
    const { options } = life();
    const spool = await makeSpool(t, { ...options, openFile: faultyFiles(faults) });
    await append(spool, 1);
    faults[operation] = errno("EIO");
    await t.throwsAsync(spool.beginWriter("KEY_ROTATED", TIME), { code: "UNAVAILABLE" });
    delete faults[operation];
    await append(spool, 2);
    t.deepEqual(await eventsOf(t, spool), ["writer-1 0 opened NEW", "writer-1 1 token-1", "writer-1 2 token-2"]);
  });

test("a rotation that closed the log and could not begin the next one is ended by the next append", async (t) => {
  const { options, begun } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, ...options });
  await append(spool, 1);
  // In place of the file that is written first.
  const blocked = join(folder, "identity.json.new");
  await mkdir(blocked);
  await t.throwsAsync(spool.beginWriter("KEY_ROTATED", TIME), { code: "UNAVAILABLE" });
  await t.throwsAsync(append(spool, 2), { code: "UNAVAILABLE" });
  await t.throwsAsync(spool.examine(true), { code: "UNAVAILABLE" });
  await rmdir(blocked);
  await spool.examine(true);
  await append(spool, 3);
  t.deepEqual((await eventsOf(t, spool)).slice(2), [
    "writer-1 2 closed KEY_ROTATED writer-2",
    "writer-2 0 opened KEY_ROTATED",
    "writer-2 1 token-3",
  ]);
  t.deepEqual(begun, [" NEW writer-1", "writer-1 KEY_ROTATED writer-2"]);
});

test("what is trimmed while the next log begins is noted with that log's own tree", async (t) => {
  const { options } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, segmentBytes: 1, maxBytes: 1 << 24, ...options });
  for (const number of [1, 2, 3]) await append(spool, number);
  spool.acknowledge(2, { created: "2026-01-01T00:00:00Z", seq: 2, eventId: "id" });
  await Promise.all([spool.beginWriter("KEY_ROTATED", TIME), spool.trim(0), spool.trim(0)]);
  t.like(await identityOf(folder), { writer: "writer-2", tree: { size: 0, roots: [] } });
  await append(spool, 4);
  await spool.close();
  t.like(await identityOf(folder), { writer: "writer-2", tree: { size: 2 } });
  t.is((await makeSpool(t, { folder, ...options })).checkpointable().size, 2);
});

test("killed before the first event of its log, a writer begins it with the next start, for the same reason", async (t) => {
  const { options, begun } = life();
  const folder = await tempFolder(t);
  const faults: Faults = { write: errno("EIO") };
  const spool = await makeSpool(t, { folder, ...options, openFile: faultyFiles(faults) });
  await t.throwsAsync(append(spool, 1), { code: "UNAVAILABLE" });
  const killed = await tempFolder(t);
  await cp(folder, killed, { recursive: true });
  const again = await makeSpool(t, { folder: killed, ...options });
  await append(again, 2);
  t.deepEqual(await eventsOf(t, again), ["writer-1 0 opened NEW", "writer-1 1 token-2"]);
  t.deepEqual(begun, [" NEW writer-1"]);
});

test("a writer whose key can't be made does not begin, and nothing is changed", async (t) => {
  const { options } = life();
  const folder = await tempFolder(t);
  const spool = await makeSpool(t, { folder, ...options });
  await append(spool, 1);
  const stored = await identityOf(folder);
  const refused = async () => Promise.reject(errno("EACCES"));
  await t.throwsAsync(makeSpool(t, { folder: await tempFolder(t), ...options, logKey: refused }), {
    code: "EACCES",
  });
  await spool.close();
  const failing = {
    ...options,
    logKey: async (writer: string) => (writer === "writer-1" ? options.logKey(writer) : refused()),
  };
  const again = await makeSpool(t, { folder, ...failing });
  await t.throwsAsync(again.beginWriter("KEY_ROTATED", TIME), { code: "EACCES" });
  await append(again, 2);
  t.deepEqual(await eventsOf(t, again), ["writer-1 0 opened NEW", "writer-1 1 token-1", "writer-1 2 token-2"]);
  t.is((await identityOf(folder)).writer, stored.writer);
});
