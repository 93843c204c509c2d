import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncFolder } from "../../files/durable.ts";
import { bodyHash } from "../chain.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AuditError } from "../event.ts";
import { RecoveredTree } from "../writer/recovered-tree.ts";
import { frameAt, groupBeginsAfter } from "./frame.ts";
import type { Identity, LogEnd, TreeEnd } from "./identity.ts";
import { type Range, rangesText, uncovered } from "./ranges.ts";
import { emptySegment, firstOf, mark, type Segment } from "./segment.ts";
import type { OpenSpoolFile } from "./segment-file.ts";

/** The torn end that was cut off when the spool was opened: a write that a power failure interrupted. */
export interface Cut {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** What a spool's folder holds, and what it should hold. */
export interface Recovered {
  /** Every one has records. Between them only what is in `lost` is missing. */
  readonly segments: Segment[];
  /**
   * Where the log goes on: behind everything that was ever durable, also if it is lost. The edge is that of the writer's
   * tree, unless events are missing.
   */
  readonly end: TreeEnd;
  /** The number of the oldest event that was not trimmed. */
  readonly first: number;
  readonly lost: readonly Range[];
  /** The loss that was accepted now, as the operator named it. */
  readonly accepted: string | undefined;
  readonly cut: Cut | undefined;
  /** The body of the last event before `end`; undefined where it was trimmed or is lost. */
  readonly last: Buffer | undefined;
  /** Whether the events are others than those of the checkpoint. */
  readonly isOther: boolean;
}

export interface RecoveryOptions {
  readonly folder: string;
  readonly identity: Identity | undefined;
  /** The furthest place that the log is known to have reached. */
  readonly reached: LogEnd;
  /** The last checkpoint of the writer's log, where one can be read. */
  readonly checkpoint: Checkpoint | undefined;
  readonly open: OpenSpoolFile;
  /** Losses that the operator accepts: `events:` and the {@link rangesText} of exactly what is missing. */
  readonly acceptLosses: readonly string[];
}

/** The last segment, and how many bytes its torn end has. */
interface Tail {
  readonly segment: Segment;
  readonly torn: number;
}

/**
 * Reads all segments. The last may end in a torn frame, which is cut off. Damage anywhere else, and events that are
 * missing before `reached`, are the loss of acknowledged events and throw CORRUPT with the file and the offset or the
 * numbers. Nothing is changed before everything was checked.
 */
export async function recoverSegments(options: RecoveryOptions): Promise<Recovered> {
  const { folder, identity, checkpoint, reached, open, acceptLosses } = options;
  const firsts = await listFirsts(folder);
  const segments: Segment[] = [];
  let end = reached;
  const tree = new RecoveredTree(identity, checkpoint);
  let last: Buffer | undefined;
  let tail: Tail | undefined;
  for (const first of firsts) {
    const segment = emptySegment(folder, first);
    const bytes = await readFile(segment.path);
    const scanned = scan(segment, bytes, reached, tree);
    requireAfter(segments.at(-1), segment);
    const torn = bytesWrittenAfter(segment, bytes);
    const isLast = first === firsts.at(-1);
    if (isLast ? groupBeginsAfter(bytes, segment.bytes) : torn > 0) throw damaged(segment);
    if (isLast) tail = { segment, torn };
    if (segment.bytes > 0) segments.push(segment);
    last = scanned ?? last;
    if (scanned !== undefined && segment.last >= end.next)
      end = { next: segment.last + 1, prevHash: bodyHash(scanned) };
  }
  const first = identity?.first ?? segments[0]?.first ?? end.next;
  const known = (identity?.lost ?? []).filter(({ last }) => last >= first);
  const missing = uncovered({ first, last: end.next - 1 }, [...segments, ...known]);
  const accepted = missing.length === 0 ? undefined : acceptLoss(missing, folder, firsts, acceptLosses);
  if (tail !== undefined) await cutOff(tail.segment, open);
  return {
    segments,
    end: { ...end, edge: tree.edge },
    first,
    lost: [...known, ...missing],
    accepted,
    cut: cutOf(tail),
    last: isWhole(segments, end) ? last : undefined,
    isOther: tree.isOther,
  };
}

async function listFirsts(folder: string): Promise<number[]> {
  const firsts = (await readdir(folder)).map(firstOf).filter((first) => first !== undefined);
  return firsts.toSorted((a, b) => a - b);
}

/**
 * Counts the records, adds them to the tree, and returns the last body. Throws CORRUPT for another event than the log is
 * known to have.
 */
function scan(segment: Segment, bytes: Buffer, reached: LogEnd, tree: RecoveredTree): Buffer | undefined {
  let lastBody: Buffer | undefined;
  for (let frame = frameAt(bytes, 0); frame !== undefined; frame = frameAt(bytes, frame.end)) {
    mark(segment, segment.last + 1, segment.bytes);
    lastBody = bytes.subarray(frame.start, frame.end);
    segment.last++;
    segment.bytes = frame.end;
    tree.add(segment.last, lastBody);
    if (segment.last === reached.next - 1 && !isHashOf(lastBody, reached.prevHash))
      throw new AuditError(
        "CORRUPT",
        `${segment.path}: event ${segment.last} is another one than the spool had stored`,
      );
  }
  return lastBody;
}

function isHashOf(body: Buffer, hash: Uint8Array): boolean {
  return Buffer.compare(bodyHash(body), hash) === 0;
}

/** The bytes after the last complete record, without the zeros at the end, which were written ahead. */
function bytesWrittenAfter(segment: Segment, bytes: Buffer): number {
  return bytes.subarray(segment.bytes).findLastIndex((byte) => byte !== 0) + 1;
}

/**
 * Durably truncates a segment's file to its last durable record, or removes it when it has no record. It syncs even
 * without a torn end: a process that was killed before its sync leaves complete frames that may not be on disk.
 */
export async function cutOff(segment: Segment, open: OpenSpoolFile): Promise<void> {
  if (segment.bytes === 0) {
    // `force`, because this runs again when the file was removed but syncing the folder failed.
    await rm(segment.path, { force: true });
    return await syncFolder(join(segment.path, ".."));
  }
  const file = await open(segment.path, "existing");
  try {
    await file.truncate(segment.bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function cutOf(tail: Tail | undefined): Cut | undefined {
  if (tail === undefined || tail.torn === 0) return undefined;
  const { path, bytes } = tail.segment;
  return { file: path, offset: bytes, bytes: tail.torn };
}

/** Whether the last event before the end is there. */
function isWhole(segments: readonly Segment[], end: LogEnd): boolean {
  return segments.at(-1)?.last === end.next - 1;
}

function requireAfter(before: Segment | undefined, segment: Segment): void {
  if (before === undefined || before.last < segment.first) return;
  throw new AuditError(
    "CORRUPT",
    `${segment.path}: begins with event ${segment.first}, but ${basename(before.path)} holds it already`,
  );
}

/** The name of the loss, if the operator accepts exactly this one. Throws CORRUPT otherwise. */
function acceptLoss(
  missing: readonly Range[],
  folder: string,
  firsts: readonly number[],
  accepted: readonly string[],
): string {
  const loss = `events:${rangesText(missing)}`;
  if (accepted.includes(loss)) return loss;
  const places = missing.map((range) => `events ${range.first} to ${range.last} (${placeOf(range, folder, firsts)})`);
  throw new AuditError(
    "CORRUPT",
    `${folder}: stored events are missing: ${places.join(", ")}. Put the files back. \
If the events are lost, start once with --accept-loss ${loss}, which leaves a gap in the chain`,
  );
}

/** Where the first event of the range should be. */
function placeOf({ first }: Range, folder: string, firsts: readonly number[]): string {
  const at = firsts.findLast((candidate) => candidate <= first);
  const { path } = emptySegment(folder, at ?? first);
  return at === undefined || at === first ? basename(path) : `at the end of ${basename(path)} or after it`;
}

function damaged(segment: Segment): AuditError {
  return new AuditError("CORRUPT", `${segment.path}: damaged frame at offset ${segment.bytes}`);
}
