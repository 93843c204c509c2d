import { unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./durable-file.ts";
import type { Segment } from "./segment.ts";

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
