import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncFolder } from "../../files/durable.ts";
import { bodyHash } from "../chain.ts";
import { AuditError } from "../event.ts";
import { frameAt, groupBeginsAfter } from "./frame.ts";
import type { Identity } from "./identity.ts";
import { emptySegment, firstOf, mark, type Segment } from "./segment.ts";
import type { OpenSpoolFile } from "./segment-file.ts";

/** The torn end of a spool that was cut off when it was opened: what was being written when the power failed. */
export interface Cut {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** What a spool's folder holds: whole segments without a gap, the last body's hash, and what had to be cut off. */
export interface Recovered {
  readonly segments: Segment[];
  readonly prevHash: Uint8Array;
  readonly cut: Cut | undefined;
}

/**
 * Reads all segments. Only the last may end in a torn frame, which is cut off; damage anywhere else, or a missing file,
 * is the loss of acknowledged events and throws CORRUPT with the file and the offset.
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
    requireFollows(segments.at(-1), segment);
    const bytes = await readFile(segment.path);
    const lastBody = scan(segment, bytes);
    if (first === firsts.at(-1)) {
      // Before anything is cut off: what was acknowledged and is damaged now must stay as it is found.
      requireReaches(segment, identity, folder);
      cut = await settleEnd(segment, bytes, open);
    } else if (segment.bytes === 0 || written(segment, bytes) > 0) throw damaged(segment);
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

/** How many bytes were written behind the last whole record: the zeros at the end were written ahead. */
function written(segment: Segment, bytes: Buffer): number {
  return bytes.subarray(segment.bytes).findLastIndex((byte) => byte !== 0) + 1;
}

// Also where nothing is torn: a process that was killed before its sync leaves whole frames that no disk has yet.
async function settleEnd(segment: Segment, bytes: Buffer, open: OpenSpoolFile): Promise<Cut | undefined> {
  if (groupBeginsAfter(bytes, segment.bytes)) throw damaged(segment);
  await cutOff(segment, open);
  const torn = written(segment, bytes);
  return torn === 0 ? undefined : { file: segment.path, offset: segment.bytes, bytes: torn };
}

/** Makes a segment's file end, durably, where its last durable record ends; without a record it is removed. */
export async function cutOff(segment: Segment, open: OpenSpoolFile): Promise<void> {
  if (segment.bytes === 0) {
    // Forced: where the removal went well and the folder's sync failed, this comes again.
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

function requireFollows(before: Segment | undefined, segment: Segment): void {
  if (before === undefined || before.last + 1 === segment.first) return;
  throw new AuditError(
    "CORRUPT",
    `${segment.path}: begins with record ${segment.first}, but ${basename(before.path)} ends with ${before.last}`,
  );
}

function requireReaches(last: Segment, identity: Identity | undefined, folder: string): void {
  if (identity === undefined) throw new AuditError("CORRUPT", `${folder}: has segments, but no identity.json`);
  if (last.last + 1 < identity.next) {
    throw new AuditError(
      "CORRUPT",
      `${last.path}: ends at offset ${last.bytes} with record ${last.last}, \
but the spool had ${identity.next - 1} when it was opened before`,
    );
  }
}

function damaged(segment: Segment): AuditError {
  return new AuditError("CORRUPT", `${segment.path}: damaged frame at offset ${segment.bytes}`);
}
