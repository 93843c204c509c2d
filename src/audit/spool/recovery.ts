import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncFolder } from "../../files/durable.ts";
import { bodyHash } from "../chain.ts";
import { AuditError } from "../event.ts";
import { frameAt, groupBeginsAfter } from "./frame.ts";
import type { Identity } from "./identity.ts";
import { emptySegment, firstOf, mark, type Segment } from "./segment.ts";
import type { OpenSpoolFile } from "./segment-file.ts";

/** The torn end that was cut off when the spool was opened: a write that a power failure interrupted. */
export interface Cut {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * The state of a spool's folder: complete segments without a gap, the last body's hash, and the end that was cut off.
 */
export interface Recovered {
  readonly segments: Segment[];
  readonly prevHash: Uint8Array;
  readonly cut: Cut | undefined;
}

/**
 * Reads all segments. The last may end in a torn frame, which is cut off. Damage anywhere else, or a missing file, is
 * the loss of acknowledged events and throws CORRUPT with the file and the offset.
 */
export async function recoverSegments(
  folder: string,
  identity: Identity | undefined,
  open: OpenSpoolFile,
): Promise<Recovered> {
  const segments: Segment[] = [];
  let prevHash: Uint8Array = identity?.prevHash ?? new Uint8Array();
  let cut: Cut | undefined;
  const firsts = await listFirsts(folder);
  for (const first of firsts) {
    const segment = emptySegment(folder, first);
    requireContiguous(segments.at(-1), segment);
    const bytes = await readFile(segment.path);
    const lastBody = scan(segment, bytes);
    if (first === firsts.at(-1)) {
      // Check before anything is cut off: damaged but acknowledged events must stay as evidence.
      requireAcknowledged(segment, identity, folder);
      cut = await cutTornEnd(segment, bytes, open);
    } else if (segment.bytes === 0 || bytesWrittenAfter(segment, bytes) > 0) throw damaged(segment);
    if (lastBody !== undefined && segment.last >= (identity?.next ?? 1)) prevHash = bodyHash(lastBody);
    if (segment.bytes > 0) segments.push(segment);
  }
  return { segments, prevHash, cut };
}

async function listFirsts(folder: string): Promise<number[]> {
  const firsts = (await readdir(folder)).map(firstOf).filter((first) => first !== undefined);
  return firsts.toSorted((a, b) => a - b);
}

function scan(segment: Segment, bytes: Buffer): Buffer | undefined {
  let lastBody: Buffer | undefined;
  for (let frame = frameAt(bytes, 0); frame !== undefined; frame = frameAt(bytes, frame.end)) {
    mark(segment, segment.last + 1, segment.bytes);
    lastBody = bytes.subarray(frame.start, frame.end);
    segment.last++;
    segment.bytes = frame.end;
  }
  return lastBody;
}

/** The bytes after the last complete record, without the zeros at the end, which were written ahead. */
function bytesWrittenAfter(segment: Segment, bytes: Buffer): number {
  return bytes.subarray(segment.bytes).findLastIndex((byte) => byte !== 0) + 1;
}

// Syncs even without a torn end: a process that was killed before its sync leaves complete frames that may not be on
// disk.
async function cutTornEnd(segment: Segment, bytes: Buffer, open: OpenSpoolFile): Promise<Cut | undefined> {
  if (groupBeginsAfter(bytes, segment.bytes)) throw damaged(segment);
  await cutOff(segment, open);
  const torn = bytesWrittenAfter(segment, bytes);
  return torn === 0 ? undefined : { file: segment.path, offset: segment.bytes, bytes: torn };
}

/** Durably truncates a segment's file to its last durable record, or removes it when it has no record. */
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

function requireContiguous(before: Segment | undefined, segment: Segment): void {
  if (before === undefined || before.last + 1 === segment.first) return;
  throw new AuditError(
    "CORRUPT",
    `${segment.path}: begins with record ${segment.first}, \
but ${basename(before.path)} ends with record ${before.last}`,
  );
}

function requireAcknowledged(last: Segment, identity: Identity | undefined, folder: string): void {
  if (identity === undefined) throw new AuditError("CORRUPT", `${folder}: has segments, but no identity.json`);
  if (last.last + 1 < identity.next) {
    throw new AuditError(
      "CORRUPT",
      `${last.path}: ends at offset ${last.bytes} with record ${last.last}, \
but the spool ended with record ${identity.next - 1} when it was last opened`,
    );
  }
}

function damaged(segment: Segment): AuditError {
  return new AuditError("CORRUPT", `${segment.path}: damaged frame at offset ${segment.bytes}`);
}
