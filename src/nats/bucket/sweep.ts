import { settledAll } from "../../async/settled-all.ts";
import type { NatsLink } from "../link.ts";
import type { Bucket } from "./bucket.ts";
import { clockOffset } from "./clock.ts";
import { type StoredEntry, subjectOf } from "./entry.ts";
import { readBucket } from "./watch.ts";

/** How long an expired entry stays, so that no replica whose clock is behind finds its key free. */
const GRACE_MS = 3_600_000;
/** How many entries are removed at a time. */
const AT_ONCE = 50;

/**
 * Permanently removes entries that expired or were deleted more than an hour ago by the clock of NATS: a replica whose
 * own clock is wrong must not remove what others need. Resolves with the number of entries. Throws a StateError.
 */
export async function sweep(link: NatsLink, bucket: Bucket, now: () => number): Promise<number> {
  const { offsetMs, boundMs } = await clockOffset(bucket, now);
  const before = now() + offsetMs - boundMs - GRACE_MS;
  const stale: Pick<StoredEntry, "key" | "revision">[] = [];
  for await (const entry of readBucket({ link, bucket, prefix: "" }))
    if (isStale(entry, before)) stale.push({ key: entry.key, revision: entry.revision });
  for (let at = 0; at < stale.length; at += AT_ONCE) await settledAll(stale.slice(at, at + AT_ONCE).map(purge));
  return stale.length;

  function purge({ key, revision }: Pick<StoredEntry, "key" | "revision">) {
    return bucket.call(`sweeping ${key}`, ({ manager }) =>
      // Up to this revision: later writes of the key stay.
      manager.streams.purge(bucket.name.stream, { filter: subjectOf(bucket.name, key), seq: revision + 1 }),
    );
  }
}

function isStale({ deleted, writtenAt, expiresAt }: StoredEntry, before: number): boolean {
  return (deleted && writtenAt < before) || (expiresAt !== undefined && expiresAt < before);
}
