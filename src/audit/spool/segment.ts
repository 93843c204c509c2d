import { unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "../../files/durable.ts";

/** Where a record begins in a segment, noted every {@link MARK_BYTES} so that a reader need not start at the front. */
export interface Mark {
  readonly index: number;
  readonly offset: number;
}

/** One file of the spool. Records are numbered from 1 over the spool's whole life; `first` is also the file's name. */
export interface Segment {
  readonly path: string;
  readonly first: number;
  /** The last durable record; `first - 1` while there is none. */
  last: number;
  /** Durable bytes: the file may hold more that must not be read. */
  bytes: number;
  readonly marks: Mark[];
  /** Since when, on the monotonic clock, every record has been acknowledged; undefined while one has not. */
  acknowledgedAt: number | undefined;
}

/** Bytes between two marks: the most that a reader skips. */
const MARK_BYTES = 64 * 1024;

const SUFFIX = ".segment";

/** An empty segment whose first record will be `first`. */
export function emptySegment(folder: string, first: number): Segment {
  const path = join(folder, `${String(first).padStart(16, "0")}${SUFFIX}`);
  return { path, first, last: first - 1, bytes: 0, marks: [], acknowledgedAt: undefined };
}

/** The number of the first record in a file with this name; undefined when it is no segment's name. */
export function firstOf(name: string): number | undefined {
  return /^\d{16}\.segment$/.test(name) ? Number(name.slice(0, -SUFFIX.length)) : undefined;
}

/** Notes that the record `index` begins at `offset`, where a mark is due. */
export function mark(segment: Segment, index: number, offset: number): void {
  const latest = segment.marks.at(-1);
  if (latest === undefined || offset - latest.offset >= MARK_BYTES) segment.marks.push({ index, offset });
}

/** The mark from which to look for a record of this segment. */
export function markBefore(segment: Segment, index: number): Mark {
  return segment.marks.findLast((entry) => entry.index <= index) ?? { index: segment.first, offset: 0 };
}

/** Notes for each sealed segment since when all of it has been acknowledged: `time` is of the monotonic clock. */
export function coverSegments(
  segments: readonly Segment[],
  active: Segment | undefined,
  position: number,
  time: number,
) {
  for (const segment of segments) {
    if (segment.last > position || segment === active) return;
    segment.acknowledgedAt ??= time;
  }
}

/**
 * Deletes the oldest segments that were acknowledged by `until`, on the monotonic clock, as long as each holds records below
 * `keepFrom` only, and takes them out of the list.
 */
export async function trimSegments(segments: Segment[], until: number, keepFrom: number): Promise<void> {
  for (let oldest = segments[0]; oldest !== undefined; oldest = segments[0]) {
    if (oldest.acknowledgedAt === undefined || oldest.acknowledgedAt > until || oldest.last >= keepFrom) return;
    await unlink(oldest.path);
    segments.shift();
    // Each removal by itself: a later one that outlived a power loss alone would look like a missing file.
    await syncFolder(dirname(oldest.path));
  }
}
