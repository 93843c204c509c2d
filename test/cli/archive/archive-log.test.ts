import test from "ava";
import { storedBytes } from "../../../src/audit/archive/target.ts";
import { parsePolicy } from "../../../src/audit/checkpoint/policy.ts";
import { readHeader, subjectOf } from "../../../src/audit/event-header.ts";
import { checkpointSubject } from "../../../src/audit/stream-message.ts";
import { type Archived, type ArchiveOptions, archiveLog } from "../../../src/cli/archive/archive-log.ts";
import { ArchiveFolder } from "../../../src/cli/archive/folder.ts";
import type { ArchiveSource } from "../../../src/nats/audit/archive-source.ts";
import type { TailedEvent } from "../../../src/nats/audit/read-stream.ts";
import { createLogWriter } from "../../support/audit/log-writer.ts";
import { tempFolder } from "../../support/files/temp.ts";

const STREAM = "SIGNET_AUDIT";
const LOG = createLogWriter("w");
for (let number = 0; number < 20; number++) LOG.append();
const POLICY = parsePolicy(`${LOG.policyLine}quorum none\n`);

/** Twenty events and a checkpoint of all. */
const MESSAGES: readonly TailedEvent[] = [
  ...LOG.bodies.map(eventMessage),
  { stream: STREAM, seq: 21, subject: checkpointSubject("w"), headers: {}, body: Buffer.from(LOG.checkpointAt()) },
];

function eventMessage(text: string, at: number): TailedEvent {
  const body = Buffer.from(text);
  const header = readHeader(body);
  const { id, type, time, writer } = header;
  const names = { "Nats-Msg-Id": id, "ce-id": id, "ce-type": type, "ce-time": time, "ce-source": `signet/${writer}` };
  return { stream: STREAM, seq: at + 1, subject: subjectOf(header), headers: names, body };
}

const bytesOf = (messages: readonly TailedEvent[]) =>
  messages.reduce((total, message) => total + storedBytes(message), 0);

/** A stream in memory. */
function createSource(stored: readonly TailedEvent[] = MESSAGES) {
  let messages = stored;
  const trims: number[] = [];
  const read: number[] = [];
  const source: ArchiveSource = {
    streams: async () => [
      {
        ...{ name: STREAM, created: "2026-11-22T12:00:00Z", canBeTrimmed: true, takesEvents: true },
        firstSeq: messages[0]?.seq ?? 22,
        lastSeq: 21,
        bytes: bytesOf(messages),
      },
    ],
    seqAt: async () => 22,
    async *read(_stream, from, to) {
      for (const message of messages.filter(({ seq }) => seq >= from && seq <= to)) {
        read.push(message.seq);
        yield message;
      }
    },
    async trim(_stream, seq) {
      messages = messages.filter((message) => message.seq > seq);
      trims.push(seq);
    },
    close: async () => {},
  };
  return { source, trims, read, left: () => messages };
}

const OPTIONS: ArchiveOptions = {
  ...{ now: 0, olderThanMs: undefined, keepBytes: undefined, dryRun: false },
  ...{ policy: POLICY, knownEnds: new Map(), accepted: new Set<string>() },
  onProgress() {},
  onAccepted() {},
  signal: new AbortController().signal,
};

async function archive(source: ArchiveSource, folder: ArchiveFolder, options: Partial<ArchiveOptions> = {}) {
  const all: Archived[] = [];
  for await (const done of archiveLog(source, folder, { ...OPTIONS, ...options })) all.push(done);
  return all.map((done) => [done.type, "to" in done ? done.to : undefined]);
}

test("what a killed run had archived is no part of the size that may stay", async (t) => {
  const folder = new ArchiveFolder(await tempFolder(t));
  const { source, left } = createSource();
  const killed = { ...source, trim: () => Promise.reject(new Error("killed")) };
  await t.throwsAsync(archive(killed, folder, { keepBytes: bytesOf(MESSAGES.slice(5)) }), { message: "killed" });
  t.is(left().length, 21, "control: nothing was removed");
  const keepBytes = bytesOf(MESSAGES.slice(8));
  t.deepEqual(await archive(source, folder, { keepBytes, dryRun: true }), [
    ["untrimmed", 5],
    ["archived", 8],
  ]);
  t.is(left().length, 21, "a dry run removes nothing");
  t.deepEqual(await archive(source, folder, { keepBytes }), [
    ["trimmed", 5],
    ["archived", 8],
  ]);
  t.is(bytesOf(left()), keepBytes);
});

test("a dry run does not read what an earlier run has archived, unless it has to know its size", async (t) => {
  const read = async (options: Partial<ArchiveOptions>) => {
    const folder = new ArchiveFolder(await tempFolder(t));
    const killed = { ...createSource().source, trim: () => Promise.reject(new Error("killed")) };
    await t.throwsAsync(archive(killed, folder, { keepBytes: bytesOf(MESSAGES.slice(5)) }), { message: "killed" });
    const { source, read } = createSource();
    t.deepEqual((await archive(source, folder, { ...options, dryRun: true }))[0], ["untrimmed", 5]);
    return read.slice(0, read.indexOf(6));
  };
  t.deepEqual(await read({}), [5], "its last message alone is compared");
  t.deepEqual(await read({ keepBytes: 1_000 }), [5, 1, 2, 3, 4, 5], "control");
});

test("a fault in the part that is old enough keeps all of it, and one behind its checkpoints is not read", async (t) => {
  const checkpoint = { ...MESSAGES[20], body: Buffer.from(LOG.checkpointAt(8)) } as TailedEvent;
  const broken = { ...MESSAGES[0], body: Buffer.from("{}") } as TailedEvent;
  const behind = (fault: number) => {
    const messages = [...MESSAGES.slice(0, 8), checkpoint, ...MESSAGES.slice(8, 20)].with(fault, broken);
    return messages.map((message, at) => ({ ...message, seq: at + 1 }));
  };
  for (const [what, fault, found] of [
    ["in the part", 2, ["faults", undefined]],
    ["before its checkpoint", 6, ["faults", undefined]],
    ["behind its checkpoint", 12, ["archived", 4]],
  ] as const) {
    const { source } = createSource(behind(fault));
    const keepBytes = bytesOf(behind(fault).slice(4));
    t.deepEqual(await archive(source, new ArchiveFolder(await tempFolder(t)), { keepBytes }), [found], what);
  }
});

test("without a policy the rest of the stream is not read for a checkpoint that proves nothing", async (t) => {
  const folder = new ArchiveFolder(await tempFolder(t));
  const keepBytes = bytesOf(MESSAGES.slice(5));
  const known = createSource();
  t.deepEqual(await archive(known.source, folder, { policy: undefined, keepBytes }), [["uncovered", undefined]]);
  t.deepEqual(known.read, [1, 2, 3, 4, 5, 6]);
  const control = createSource();
  await archive(control.source, folder, { keepBytes });
  t.is(control.read.length, 21, "control: with one it is");
});

test("the archive goes on behind any event that a file ended with, the first one too", async (t) => {
  for (const end of [1, 2, 19]) {
    const folder = new ArchiveFolder(await tempFolder(t));
    const { source, left } = createSource();
    const keepBytes = bytesOf(MESSAGES.slice(end));
    t.deepEqual(await archive(source, folder, { keepBytes }), [["archived", end]]);
    t.deepEqual(await archive(source, folder), [["archived", 21]], `behind ${end}`);
    t.deepEqual(left(), []);
  }
});
