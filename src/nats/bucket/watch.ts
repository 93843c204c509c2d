import { watchAgain } from "../../async/follow.ts";
import { type Change, checkPrefix, isUnavailable } from "../../state/keyvalue.ts";
import { unavailable } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import type { Access, Bucket } from "./bucket.ts";
import type { StoredEntry } from "./entry.ts";
import { type BucketReader, openBucketReader, readSnapshot } from "./reader.ts";
import { WatchProgress } from "./watch-progress.ts";

const REOPEN_MS = 250;

interface Reading {
  readonly link: NatsLink;
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly signal?: AbortSignal;
}

export interface BucketWatch extends Reading {
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** A reader that has read everything that existed when it was opened. */
interface OpenWatch {
  readonly reader: BucketReader;
  readonly snapshot: ReadonlyMap<string, StoredEntry>;
  readonly close: () => void;
}

/**
 * The watch of the port. After every interruption it reads the whole prefix again and compares it with what it yielded:
 * a consumer that resumed from its position would not notice what happened to the bucket itself.
 */
export async function* watchBucket(watch: BucketWatch): AsyncGenerator<Change> {
  checkPrefix(watch.prefix);
  const progress = new WatchProgress();
  yield* watchAgain(
    () => changesUntilInterrupted(watch, progress),
    watch.signal,
    (error) => {
      if (!progress.current || !isUnavailable(error)) throw error;
      return REOPEN_MS;
    },
  );
}

/** Reads the last message of each key with this prefix, by revision; deleted and expired entries are among them. */
export async function readBucket(reading: Reading): Promise<readonly StoredEntry[]> {
  const { snapshot, close } = await openWatch(reading);
  close();
  return [...snapshot.values()];
}

async function* changesUntilInterrupted(watch: BucketWatch, progress: WatchProgress): AsyncGenerator<Change> {
  const { link, bucket, signal, now } = watch;
  if (progress.current) await link.connected(signal);
  const { reader, snapshot, close } = await openWatch(watch);
  try {
    if (progress.current) yield { type: "gap" };
    for (const change of progress.compare(snapshot, now(), (reason) => bucket.markLost(reason))) {
      if (signal.aborted) return;
      yield change;
    }
    if (signal.aborted) return;
    if (!progress.current) {
      progress.current = true;
      yield { type: "current" };
    }
    while (!signal.aborted) {
      const { revision, entry } = await reader.next();
      bucket.sawRead(revision);
      yield* progress.expire(now());
      if (entry !== undefined) yield* progress.take(entry, now());
    }
  } finally {
    close();
  }
}

/** The call ends where the reading begins: reading everything may take longer than a call may last. */
async function openWatch({ link, bucket, prefix, signal }: Reading): Promise<OpenWatch> {
  const open = (access: Access) => openBucketReader(bucket, access, prefix);
  const reader = await bucket.call(`reading ${prefix || "the bucket"}`, open, signal);
  const failOnDown = () => reader.fail(unavailable("the connection to NATS was lost"));
  const failOnEnd = () => reader.fail(unavailable("the watch has ended"));
  const ignoreDown = link.onDown(failOnDown);
  signal?.addEventListener("abort", failOnEnd);
  if (signal?.aborted) failOnEnd();
  const close = () => {
    ignoreDown();
    signal?.removeEventListener("abort", failOnEnd);
    reader.close();
  };
  try {
    return { reader, snapshot: await readSnapshot(bucket, reader), close };
  } catch (error) {
    close();
    throw error;
  }
}
