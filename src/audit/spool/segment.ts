import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../files/durable.ts";
import type { Place } from "../../files/place.ts";

/**
 * The offset of a record in its segment, kept every {@link MARK_BYTES} so that a reader need not scan from the start.
 */
export interface Mark {
  readonly index: number;
  readonly offset: number;
}

/** One file of the spool. Records are numbered from 1 across all segments; `first` is also the file's name. */
export interface Segment {
  readonly path: string;
  readonly first: number;
  /** The last durable record; `first - 1` when there is none. */
  last: number;
  /** Durable bytes. The file may be longer; the rest must not be read. */
  bytes: number;
  readonly marks: Mark[];
  /** When the last record was acknowledged, on the monotonic clock; undefined while any record is not. */
  acknowledgedAt: number | undefined;
}

/** Bytes between two marks: a reader scans at most so many before it finds a record. */
const MARK_BYTES = 64 * 1024;

const EXTENSION = ".segment";

/** An empty segment whose first record will be `first`. */
export function emptySegment(folder: string, first: number): Segment {
  const path = join(folder, `${String(first).padStart(16, "0")}${EXTENSION}`);
  return { path, first, last: first - 1, bytes: 0, marks: [], acknowledgedAt: undefined };
}

/** The number of the first record in a file with this name; undefined when the name is not a segment's. */
export function firstOf(name: string): number | undefined {
  return /^\d{16}\.segment$/.test(name) ? Number(name.slice(0, -EXTENSION.length)) : undefined;
}

/** Adds a mark for the record `index` at `offset` when one is due. */
export function mark(segment: Segment, index: number, offset: number): void {
  const latest = segment.marks.at(-1);
  if (latest === undefined || offset - latest.offset >= MARK_BYTES) segment.marks.push({ index, offset });
}

/** The mark from which to scan for the record `index`. */
export function markBefore(segment: Segment, index: number): Mark {
  return segment.marks.findLast((entry) => entry.index <= index) ?? { index: segment.first, offset: 0 };
}

/**
 * Records `time`, of the monotonic clock, for each closed segment whose records up to `position` are now all
 * acknowledged.
 */
export function markAcknowledged(
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

/** Throws when the file at the segment's path is gone, or shorter than its durable records. */
export function requireStored({ path, bytes }: Segment): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (bytes > 0 && (stats?.size ?? 0) < bytes) {
    const what = stats === undefined ? "removed, moved or replaced" : "truncated";
    throw new Error(`${path} was ${what} while it was in use`);
  }
}

/** The oldest segments that were acknowledged by `until`, on the monotonic clock. */
export function trimmable(segments: readonly Segment[], until: number): readonly Segment[] {
  const kept = segments.findIndex(({ acknowledgedAt }) => acknowledgedAt === undefined || acknowledgedAt > until);
  return kept === -1 ? [...segments] : segments.slice(0, kept);
}

/**
 * Deletes the oldest segment, if there is one, and removes it from `segments`. Rejects when the folder is not in its
 * place.
 */
export async function removeOldest(folder: Place, segments: Segment[]): Promise<void> {
  const [oldest] = segments;
  if (oldest === undefined) return;
  folder.look();
  // `force`: one that is gone already would keep all others.
  await rm(oldest.path, { force: true });
  segments.shift();
  // Before the next one: version 0.1.0 would miss a segment between others if a power failure undid this removal alone.
  await syncFolder(folder.path);
}
