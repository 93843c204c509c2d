import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createUuidV7Generator } from "../../src/audit/event-id.ts";
import type { NoteSink } from "../../src/audit/forward/sink.ts";
import type { AuditReport, SignedCounts } from "../../src/audit/pipeline.ts";
import { signClosing } from "../../src/audit-thread/checkpointer.ts";
import { startProofs } from "../../src/audit-thread/proofs.ts";
import { Tally } from "../../src/audit-thread/tally.ts";
import { WriterKeys } from "../../src/audit-thread/writer-keys.ts";
import { kekOf } from "../../src/jose/kek.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { bodiesOf, issued, makeSpool, TIME } from "../support/files/spool-fixture.ts";
import { tempFolder } from "../support/files/temp.ts";
import { parseNoteText } from "../support/nats/checkpoints.ts";
import { waitUntil } from "../support/wait-until.ts";

const MARK = { created: "2026-01-01T00:00:00Z", seq: 1, eventId: "id" };
const signed = (signed: number): SignedCounts =>
  new Map([["abcdefghijklmnop", { signed, selfTests: 0, unrecorded: 0 }]]);

/** A stream of notes, which is reached once `connect` is called. */
function noteStream() {
  const reached = Promise.withResolvers<number>();
  const notes: { readonly subject: string; readonly body: Uint8Array }[] = [];
  const sink: NoteSink = {
    connected: (signal) =>
      Promise.race([reached.promise, new Promise<never>((_, reject) => signal.addEventListener("abort", reject))]),
    lastNote: async (subject) => notes.findLast((note) => note.subject === subject)?.body,
    async publishNote(note) {
      notes.push(note);
      return { stored: true, seq: notes.length, duplicate: false };
    },
  };
  const published = () => notes.map(({ body }) => parseNoteText(Buffer.from(body).toString()));
  return { sink, published, connect: () => reached.resolve(1) };
}

/** The log of a folder, whose tokens are counted as the thread does. Nothing is acknowledged before `acknowledge`. */
async function proving(t: ExecutionContext, sink: NoteSink, prefix = "writer", given?: string, closing = false) {
  const folder = given ?? (await tempFolder(t));
  const keys = new WriterKeys(folder, "host", [kekOf(Buffer.alloc(32, 1))]);
  const tally = new Tally();
  const reports: AuditReport[] = [];
  let writers = 0;
  let isForwarded = false;
  const spool = await makeSpool(t, {
    ...{ folder, closing },
    writer: () => `${prefix}-${++writers}`,
    logKey: (writer) => keys.logOf(writer),
    newId: createUuidV7Generator(),
    onStored(events, place) {
      tally.stored(events, place);
      if (isForwarded) spool.acknowledge(spool.last, MARK);
    },
    onClosed: async (log) => void (await signClosing(folder, keys, log)),
  });
  const proofs = await startProofs({
    ...{ spool, folder, keys, sink, tally, inspected: () => 1, report: (one) => void reports.push(one) },
    ...{ now: () => TIME, monotonic: () => 0, random: () => 0 },
  });
  // The publisher's own timers keep no process alive.
  const alive = setInterval(() => {}, HANGS_MS);
  t.teardown(() => proofs.stop(0).finally(() => clearInterval(alive)));
  const issue = async (count: number) => {
    const items = Array.from({ length: count }, (_, at) => [issued(at), TIME] as const);
    tally.received(items);
    await spool.appendAll(items);
  };
  const acknowledge = () => {
    isForwarded = true;
    spool.acknowledge(spool.last, MARK);
  };
  /** Every `signatures.counted`, as signed, issued and in flight. */
  const counted = async () =>
    (await bodiesOf(spool))
      .map((body) => JSON.parse(body.toString()).signaturesCounted?.keys[0])
      .filter((count) => count !== undefined)
      .map(({ signed, issued, inFlight }) => [signed, issued, inFlight].map((number = 0) => Number(number)));
  return { folder, spool, proofs, issue, acknowledge, counted, reports };
}

test("what was signed is counted as of the request, and no request waits until another one's note is published", async (t) => {
  const stream = noteStream();
  stream.connect();
  const { spool, proofs, issue, acknowledge, counted, reports } = await proving(t, stream.sink);
  await issue(10);
  proofs.registered(spool.writer);
  const asked = proofs.checkpoint(signed(10), true);
  await issue(2);
  const second = proofs.checkpoint(signed(12), false);
  await Promise.all([issue(5), second]);
  acknowledge();
  t.true((await asked)?.published);
  for (const [signed = 0, issued = 0, inFlight = 0] of await counted()) t.is(signed, issued + inFlight);
  t.true((await counted()).length > 0);
  t.deepEqual(
    reports.filter(({ type }) => type === "audit.miscounted"),
    [],
  );
});

test("a log that grew beyond its note in the stream, from an older folder, begins anew and publishes nothing", async (t) => {
  const stream = noteStream();
  const first = await proving(t, stream.sink);
  await first.issue(1);
  await first.spool.close();
  const backup = await tempFolder(t);
  await cp(first.folder, backup, { recursive: true });
  const went = noteStream();
  went.connect();
  const later = await proving(t, went.sink, "later", first.folder);
  await later.issue(2);
  later.acknowledge();
  later.proofs.registered(later.spool.writer);
  t.true((await later.proofs.checkpoint(signed(2), true))?.published);
  t.is(later.spool.writer, "writer-1", "control: nothing is behind");
  const [before] = went.published();
  // The same stream, which the restored folder does not reach yet.
  const away = noteStream();
  const sink = { ...went.sink, connected: away.sink.connected };
  const restored = await proving(t, sink, "restored", backup);
  await restored.issue(20);
  restored.acknowledge();
  restored.proofs.registered("writer-1");
  await restored.proofs.checkpoint(signed(20), false);
  t.true(restored.spool.checkpointable().size > (before?.size ?? 0), "control: it is longer now");
  away.connect();
  await waitUntil("another writer begins", () => restored.spool.writer === "restored-1");
  restored.proofs.registered("restored-1");
  await restored.proofs.checkpoint(signed(20), false);
  await waitUntil("its note is published", () => went.published().length > 1);
  t.deepEqual(
    went.published().map(({ writer }) => writer),
    ["writer-1", "restored-1"],
  );
});

test("a log from an older folder begins anew also where it outgrew its note in the stream before an earlier start", async (t) => {
  const first = await proving(t, noteStream().sink);
  await first.issue(1);
  await first.proofs.stop(0);
  await first.spool.close();
  const backup = await tempFolder(t);
  await cp(first.folder, backup, { recursive: true });
  const stream = noteStream();
  stream.connect();
  /** Runs until it has issued the tokens and, with a stream that is reached, published the note of `writer`. */
  const run = async (folder: string, tokens: number, writer?: string) => {
    const sink = writer === undefined ? noteStream().sink : stream.sink;
    const { proofs, spool, issue, acknowledge } = await proving(t, sink, "restored", folder);
    const { size } = spool.checkpointable();
    await issue(tokens);
    acknowledge();
    proofs.registered("writer-1");
    if (writer !== undefined) {
      await waitUntil(`${writer} writes`, () => spool.writer === writer);
      proofs.registered(writer);
      t.true((await proofs.checkpoint(signed(tokens), true))?.published);
      t.is(stream.published().at(-1)?.writer, writer);
    }
    await proofs.stop(HANGS_MS);
    await spool.close();
    return size;
  };
  await run(first.folder, 2, "writer-1");
  // Negative control: a folder that was not restored grows in the same way, and its writer goes on.
  for (const tokens of [10, 10]) await run(first.folder, tokens);
  await run(first.folder, 1, "writer-1");

  const size = stream.published().at(-1)?.size ?? 0;
  for (const tokens of [100, 100]) await run(backup, tokens);
  t.true((await run(backup, 1, "restored-1")) > size, "it was longer when it started");
});

test("of two rotations at once the second is refused, since the new key is not registered yet", async (t) => {
  const stream = noteStream();
  const { spool, proofs, issue } = await proving(t, stream.sink);
  await issue(1);
  proofs.registered(spool.writer);
  const [first, second] = await Promise.allSettled([proofs.rotateKey(signed(1)), proofs.rotateKey(signed(1))]);
  t.is(first?.status, "fulfilled");
  t.like(second, { status: "rejected", reason: { code: "UNAVAILABLE" } });
  t.is(spool.writer, "writer-2");
});

test("a checkpoint that was asked for before another log began is not signed with a key that is not registered", async (t) => {
  const stream = noteStream();
  const { spool, proofs, issue } = await proving(t, stream.sink);
  await issue(1);
  proofs.registered(spool.writer);
  const beginning = spool.beginWriter("KEY_ROTATED", TIME);
  await t.throwsAsync(proofs.checkpoint(signed(1), true), { code: "UNAVAILABLE" });
  await beginning;
  proofs.registered(spool.writer);
  t.is(parseNoteText((await proofs.checkpoint(signed(1), false))?.note ?? "").writer, "writer-2", "control");
});

for (const [what, damage] of [
  ["cut off", (text: string) => text.slice(0, text.length / 2)],
  ["empty", () => ""],
  ["of another writer", (text: string) => text.replace('"writer-1"', '"writer-9"')],
  ["overwritten with zeros", (text: string) => "\0".repeat(text.length)],
] as const)
  test(`a last checkpoint that is ${what} costs no key, and the file is named until somebody decides`, async (t) => {
    const { sink } = noteStream();
    const before = await proving(t, sink);
    before.proofs.registered("writer-1");
    await before.issue(1);
    await before.proofs.rotateKey(signed(1));
    await before.spool.close();
    const keysIn = async (folder: string) =>
      (await readdir(folder)).filter((name) => name.endsWith(".audit-key.json")).toSorted();
    const both = ["writer-1.audit-key.json", "writer-2.audit-key.json"];
    const file = "writer-1.closing-checkpoint.json";
    const path = join(before.folder, file);
    const whole = await readFile(path, "utf8");

    await writeFile(path, damage(whole));
    const damaged = await tempFolder(t);
    await cp(before.folder, damaged, { recursive: true });
    const doubting = await proving(t, sink, "later", damaged);
    t.deepEqual(await keysIn(damaged), both);
    t.like(doubting.reports, [{ type: "audit.checkpoint_failed" }]);
    t.regex(JSON.stringify(doubting.reports), /writer-1\.closing-checkpoint\.json: is not .* Its key is kept/);
    await doubting.spool.close();

    await rm(join(damaged, file));
    const decided = await proving(t, sink, "later", damaged);
    t.deepEqual(await keysIn(damaged), ["writer-2.audit-key.json"], "control: without the file the key is removed");
    t.deepEqual(decided.reports, []);
  });

test("a log is not closed for good before it was compared with the stream", async (t) => {
  const stream = noteStream();
  const { spool, proofs, issue, acknowledge } = await proving(t, stream.sink);
  await issue(3);
  acknowledge();
  proofs.registered(spool.writer);
  await t.throwsAsync(proofs.closeLog(signed(3)), { code: "UNAVAILABLE", message: /not compared with the stream/ });
  t.false(String((await bodiesOf(spool)).at(-1)).includes("REPLICA_REMOVED"));
  stream.connect();
  const isClosed = () =>
    proofs.closeLog(signed(3)).then(
      () => true,
      () => false,
    );
  await waitUntil("it is closed", isClosed);
  t.true(String((await bodiesOf(spool)).at(-1)).includes("REPLICA_REMOVED"));
});

test("an end whose key is missing from the folder keeps its note until NATS has it", async (t) => {
  const stream = noteStream();
  stream.connect();
  const killed = await proving(t, stream.sink);
  await killed.issue(1);
  await killed.spool.closeLog(TIME);
  await killed.spool.close();
  await rm(join(killed.folder, "writer-1.audit-key.json"));
  const copied = await proving(t, stream.sink, "later", killed.folder, true);
  const close = () => copied.proofs.closeLog(signed(1)).catch(() => undefined);
  const isNote = (name: string) => name.endsWith(".closing-checkpoint.json");
  await waitUntil("it is compared", async () => (await close()) !== undefined);
  t.is(stream.published().length, 0);
  t.true((await readdir(killed.folder)).some(isNote));

  copied.acknowledge();
  await waitUntil("it is closed", async () => (await close()) === true);
  t.is(stream.published().at(-1)?.size, copied.spool.checkpointable().size);
  t.false((await readdir(killed.folder)).some(isNote));
  t.true(await close(), "NATS has the end");
});

test("an end that the stream contradicts is not published, and leaves neither note nor key", async (t) => {
  const stream = noteStream();
  stream.connect();
  const first = await proving(t, stream.sink);
  await first.issue(1);
  first.acknowledge();
  const copy = await tempFolder(t);
  await cp(first.folder, copy, { recursive: true });
  first.proofs.registered("writer-1");
  await waitUntil("it is compared", () =>
    first.proofs.closeLog(signed(1)).then(
      () => true,
      () => false,
    ),
  );
  await first.spool.close();
  const sameEnd = await tempFolder(t);
  await cp(first.folder, sameEnd, { recursive: true });
  const went = noteStream();
  went.connect();
  const later = await proving(t, went.sink, "later", copy);
  await later.issue(9);
  later.acknowledge();
  later.proofs.registered("writer-1");
  t.true((await later.proofs.checkpoint(signed(9), true))?.published);

  const ended = await proving(t, went.sink, "ended", first.folder, true);
  ended.acknowledge();
  await waitUntil("another log begins", () => ended.spool.writer === "ended-1");
  const left = () => readdir(ended.folder).then((names) => names.filter((name) => name.startsWith("writer-1")));
  await waitUntil("nothing of the end is left", async () => (await left()).length === 0);
  t.is(went.published().length, 1);

  // The negative control: where the stream has nothing else, the log stays closed, and its end is published.
  const same = await proving(t, stream.sink, "same", sameEnd, true);
  same.acknowledge();
  same.proofs.registered("writer-1");
  await waitUntil("it is closed", () => same.proofs.closeLog(signed(1)).catch(() => false));
  t.is(same.spool.writer, "writer-1");
  t.is(stream.published().at(-1)?.size, same.spool.checkpointable().size);
  t.deepEqual(
    (await readdir(sameEnd)).filter((name) => /closing|audit-key/.test(name)),
    [],
  );
});
