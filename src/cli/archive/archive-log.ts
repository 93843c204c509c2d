import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { bodySha256 } from "../../audit/archive/coverage.ts";
import { type ArchivedPart, type ArchiveRecord, fileOf } from "../../audit/archive/record.ts";
import { type RetentionTarget, storedBytes } from "../../audit/archive/target.ts";
import { linesOf } from "../../audit/verify/batch.ts";
import { endsOf } from "../../audit/verify/known-ends.ts";
import { type KnownEnds, type Verdict, Verifier } from "../../audit/verify/verifier.ts";
import type { ArchiveSource, ArchiveStream } from "../../nats/audit/archive-source.ts";
import { chunksOfLines } from "../../verify-thread/lines.ts";
import { readBatches } from "../../verify-thread/start.ts";
import { type CopiedPart, PartCopy, type PartOptions } from "./copy-part.ts";
import { Draft } from "./draft.ts";
import { ArchiveError, type ArchiveFolder } from "./folder.ts";

/** What the operator wants. */
export interface ArchiveOptions
  extends Pick<PartOptions, "policy" | "knownEnds" | "accepted" | "onAccepted" | "foreign"> {
  /** Unix milliseconds. */
  readonly now: number;
  /** What JetStream stored so many milliseconds ago or earlier is archived. */
  readonly olderThanMs: number | undefined;
  /** The oldest messages are archived until so many bytes are left in the stream. */
  readonly keepBytes: number | undefined;
  /** Whether to do all but adding a file and trimming the stream. */
  readonly dryRun: boolean;
  /** MUST NOT throw. */
  readonly onProgress: (stream: string, read: number) => void;
  readonly signal: AbortSignal;
}

/** What was done with one stream. */
export type Archived =
  | {
      readonly type: "archived";
      readonly stream: string;
      readonly from: number;
      readonly to: number;
      readonly lines: number;
      readonly bytes: number;
      /** Undefined in a dry run. */
      readonly file: string | undefined;
      readonly trimmed: boolean;
    }
  /** What an earlier run has archived was removed, or would be, in a dry run. */
  | { readonly type: "trimmed" | "untrimmed"; readonly stream: string; readonly to: number; readonly file: string }
  /** There is nothing to archive from `seq` on, or nothing that a checkpoint covers. */
  | { readonly type: "uncovered" | "nothing"; readonly stream: string; readonly seq: number }
  /** New events go to a stream that keeps whatever it has. */
  | { readonly type: "untrimmable"; readonly stream: string }
  /** `file`: a draft that was not what was written. Its positions are lines; otherwise they are sequences. */
  | { readonly type: "faults"; readonly stream: string; readonly verdict: Verdict; readonly file?: string };

/**
 * The time that a message must be in the stream. A publisher may send an event again whose acknowledgement it missed,
 * and JetStream, which remembers ids for two minutes, would answer with a message that is gone.
 */
const SETTLE_MS = 5 * 60_000;

/**
 * Moves what is proven from the streams to files, and yields what was done. A message leaves its stream only when it is
 * in a file of the archive that was synced, read back and verified. Throws the errors of the source and of the folder.
 */
export async function* archiveLog(
  source: ArchiveSource,
  folder: ArchiveFolder,
  options: ArchiveOptions,
): AsyncGenerator<Archived> {
  let last = await folder.last();
  const streams = await source.streams();
  for (const listed of streamsFrom(streams, last)) {
    let stream = listed;
    if (last?.stream.name === stream.name)
      for await (const done of resume(source, stream, last, options)) {
        yield done;
        stream = options.dryRun ? await asTrimmed(source, stream, last, options) : await readAgain(source, stream);
      }
    if (stream.takesEvents && !stream.canBeTrimmed) return yield { type: "untrimmable", stream: stream.name };
    const { record, done } = await archivePart(source, folder, stream, last, options);
    yield done;
    last = record ?? last;
    // Nothing of the next stream comes before all of this one is in a file.
    if (last?.stream.name !== stream.name || last.stream.to < stream.lastSeq) return;
  }
}

/** Not those before the one that the archive has gone on to. */
function streamsFrom(streams: readonly ArchiveStream[], last: ArchiveRecord | undefined): readonly ArchiveStream[] {
  return streams.slice(
    Math.max(
      0,
      streams.findIndex(({ name }) => name === last?.stream.name),
    ),
  );
}

/** Trims what an earlier run has archived, and not trimmed: it was killed, or NATS refused. */
async function* resume(
  source: ArchiveSource,
  stream: ArchiveStream,
  { number, stream: part }: ArchiveRecord,
  { dryRun }: ArchiveOptions,
): AsyncGenerator<Archived> {
  if (stream.created !== part.created || stream.firstSeq > part.to) return;
  await requireSame(source, stream, part);
  if (!stream.canBeTrimmed) return;
  if (!dryRun) await source.trim(stream, part.to);
  yield { type: dryRun ? "untrimmed" : "trimmed", stream: stream.name, to: part.to, file: fileOf(number) };
}

/** As it is after it was trimmed: what was removed is no part of its size. */
async function readAgain(source: ArchiveSource, stream: ArchiveStream): Promise<ArchiveStream> {
  const streams = await source.streams();
  return streams.find(({ name, created }) => name === stream.name && created === stream.created) ?? stream;
}

/** As it would be after it was trimmed. What is removed is read only where its size counts. */
async function asTrimmed(
  source: ArchiveSource,
  stream: ArchiveStream,
  { stream: part }: ArchiveRecord,
  { keepBytes }: ArchiveOptions,
): Promise<ArchiveStream> {
  const firstSeq = part.to + 1;
  if (keepBytes === undefined) return { ...stream, firstSeq };
  let { bytes } = stream;
  for await (const message of source.read(stream.name, stream.firstSeq, part.to)) bytes -= storedBytes(message);
  return { ...stream, firstSeq, bytes };
}

/** After a rollback of NATS, other messages may have the numbers of those that were archived. */
async function requireSame(source: ArchiveSource, { name }: ArchiveStream, part: ArchivedPart): Promise<void> {
  for await (const { body } of source.read(name, part.to, part.to)) if (bodySha256(body) === part.lastSha256) return;
  throw new ArchiveError(
    "DAMAGED",
    `${name} has another message ${part.to} than was archived: it was rolled back. Archive it to another folder`,
  );
}

async function archivePart(
  source: ArchiveSource,
  folder: ArchiveFolder,
  stream: ArchiveStream,
  last: ArchiveRecord | undefined,
  options: ArchiveOptions,
): Promise<{ readonly done: Archived; readonly record?: ArchiveRecord }> {
  const goesOn = last !== undefined && last.stream.name === stream.name && last.stream.created === stream.created;
  const from = Math.max(stream.firstSeq, goesOn ? last.stream.to + 1 : 1);
  const number = (last?.number ?? 0) + 1;
  const known = last?.ends ?? new Map();
  const draft = await Draft.open(folder.draft(number));
  let isAdded = false;
  try {
    const part = await copyPart(source, stream, from, draft, known, options);
    if (part.type === "faults") return { done: { ...part, stream: stream.name } };
    if (part.type !== "copied") return { done: { type: part.type, stream: stream.name, seq: from } };
    await draft.finish(part.bytes);
    const read = await readBack(draft.path, known, options);
    const { verdict, ...file } = read;
    if (!verdict.proven) return { done: { type: "faults", stream: stream.name, verdict, file: draft.path } };
    const to = part.last.seq;
    const done = { type: "archived", stream: stream.name, from, to, lines: read.lines, bytes: part.bytes } as const;
    if (options.dryRun) return { done: { ...done, file: undefined, trimmed: false } };
    const record = {
      ...{ number, draft: basename(draft.path), bytes: part.bytes, ...file },
      stream: { name: stream.name, created: stream.created, from, to, lastSha256: part.last.sha256 },
      checkpoints: part.checkpoints,
      ...{ accepted: [...options.accepted], foreign: options.foreign === true },
      ends: new Map([...known, ...endsOf(verdict)]),
    };
    // From here on a record may name the draft.
    isAdded = true;
    const name = await folder.add(record);
    if (stream.canBeTrimmed) await source.trim(stream, to);
    return { done: { ...done, file: name, trimmed: stream.canBeTrimmed }, record };
  } catch (error) {
    if (error instanceof ArchiveError && error.code === "BUSY") isAdded = false;
    throw error;
  } finally {
    if (!isAdded) await draft.discard();
  }
}

async function copyPart(
  source: ArchiveSource,
  { name, lastSeq, bytes }: ArchiveStream,
  from: number,
  draft: Draft,
  known: KnownEnds,
  options: ArchiveOptions,
): Promise<CopiedPart> {
  const target = await targetOf(source, name, options);
  const part = new PartCopy({ ...options, draft, target, bytes, known });
  let read = 0;
  for await (const message of source.read(name, from, lastSeq)) {
    if (!(await part.take(message))) break;
    options.onProgress(name, ++read);
  }
  // An interrupted stream of messages just ends.
  options.signal.throwIfAborted();
  return part.judge();
}

async function targetOf(
  source: ArchiveSource,
  stream: string,
  { now, olderThanMs, keepBytes }: ArchiveOptions,
): Promise<RetentionTarget> {
  const seqAt = (ageMs: number) => source.seqAt(stream, new Date(now - ageMs));
  return {
    settledTo: await seqAt(SETTLE_MS),
    oldTo: olderThanMs === undefined ? undefined : await seqAt(olderThanMs),
    keepBytes,
  };
}

/** Verifies what is on the disk, and takes its SHA-256. */
async function readBack(path: string, known: KnownEnds, { policy, accepted, foreign }: ArchiveOptions) {
  const verifier = new Verifier({ known, policy, part: { accepted, foreign } });
  const digest = createHash("sha256");
  let lines = 0;
  async function* chunks() {
    for await (const chunk of chunksOfLines(createReadStream(path, { highWaterMark: 256 * 1024 }))) {
      digest.update(chunk);
      yield { source: 0, chunk };
    }
  }
  for await (const { batch } of readBatches(chunks())) for (const entry of linesOf(batch)) verifier.add(entry, ++lines);
  return { verdict: verifier.judge(), sha256: digest.digest("base64"), lines };
}
