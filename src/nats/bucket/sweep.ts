import type { NatsLink } from "../link.ts";
import type { Bucket } from "./bucket.ts";
import { clockOffset } from "./clock.ts";
import { BUCKET_STREAM } from "./config.ts";
import { type StoredEntry, subjectOf } from "./entry.ts";
import { readBucket } from "./watch.ts";

/** How long an expired entry stays, so that no replica whose clock is behind finds its key free. */
const GRACE_MS = 3_600_000;

/**
 * Permanently removes entries that expired or were deleted more than an hour ago by the clock of NATS: a replica whose
 * own clock is wrong must not remove what others need. Resolves with the number of entries. Throws a StateError.
 */
export async function sweep(link: NatsLink, bucket: Bucket, now: () => number): Promise<number> {
  const { offsetMs, boundMs } = await clockOffset(bucket, now);
  const before = now() + offsetMs - boundMs - GRACE_MS;
  const entries = await readBucket({ link, bucket, prefix: "" });
  const stale = entries.filter((entry) => isStale(entry, before));
  for (const { key, revision } of stale) {
    await bucket.call(`sweeping ${key}`, ({ manager }) =>
      // Up to this revision: later writes of the key stay.
      manager.streams.purge(BUCKET_STREAM, { filter: subjectOf(key), seq: revision + 1 }),
    );
  }
  return stale.length;
}

function isStale({ deleted, writtenAt, expiresAt }: StoredEntry, before: number): boolean {
  return (deleted && writtenAt < before) || (expiresAt !== undefined && expiresAt < before);
}
