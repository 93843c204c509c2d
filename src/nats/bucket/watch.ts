import { watchAgain } from "../../async/follow.ts";
import { type Change, checkPrefix, isUnavailable } from "../../state/keyvalue.ts";
import { denialText, unavailable } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import type { Access, Bucket } from "./bucket.ts";
import type { StoredEntry } from "./entry.ts";
import { type Beginning, type BucketReader, existingEntries, openBucketReader } from "./reader.ts";
import { WatchProgress } from "./watch-progress.ts";

const REOPEN_MS = 250;

interface Reading {
  readonly beginning?: Beginning;
  readonly link: NatsLink;
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly signal?: AbortSignal;
}

export interface BucketWatch extends Reading {
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** A reader that fails when the connection is lost or the signal aborts. */
interface OpenReader {
  readonly reader: BucketReader;
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

/**
 * Yields the last message of each key with this prefix, by revision; deleted and expired entries are among them. A key
 * that is written meanwhile may come twice.
 */
export async function* readBucket(reading: Reading): AsyncGenerator<StoredEntry> {
  const { reader, close } = await openReader(reading);
  try {
    yield* existingEntries(reading.bucket, reader);
  } finally {
    close();
  }
}

/**
 * Learns every revision that is written, until it is interrupted: a bucket that forgets one of them is LOST. Goes on where
 * the connection is replaced by another and still answers. Rejects with UNAVAILABLE, or with LOST.
 */
export async function learnRevisions(link: NatsLink, bucket: Bucket, signal: AbortSignal): Promise<never> {
  while (true) {
    const { generation, outages } = link;
    try {
      await learnUntilInterrupted(link, bucket, signal);
    } catch (error) {
      const isReplaced = link.generation !== generation && link.outages === outages;
      if (!isReplaced || signal.aborted) throw error;
    }
  }
}

async function learnUntilInterrupted(link: NatsLink, bucket: Bucket, signal: AbortSignal): Promise<never> {
  const { reader, close } = await openReader({ link, bucket, prefix: "", signal, beginning: "later" });
  try {
    while (true) bucket.sawRead((await reader.next()).revision);
  } finally {
    close();
  }
}

async function* changesUntilInterrupted(watch: BucketWatch, progress: WatchProgress): AsyncGenerator<Change> {
  const { link, bucket, signal, now } = watch;
  if (progress.current) await link.connected(signal);
  const { reader, close } = await openReader(watch);
  try {
    const existing = existingEntries(bucket, reader);
    if (progress.current) {
      for await (const change of progress.compare(existing, now, (reason) => bucket.markLost(reason))) {
        if (signal.aborted) return;
        yield change;
      }
    } else {
      // Yielded as it is read: a large bucket does not have to fit into memory.
      for await (const entry of existing) yield* progress.take(entry, now());
      if (signal.aborted) return;
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
async function openReader({ link, bucket, prefix, signal, beginning }: Reading): Promise<OpenReader> {
  const open = async (access: Access) => ({
    connection: access.connection,
    reader: await openBucketReader(bucket, access, prefix, beginning),
  });
  const { connection, reader } = await bucket.call(`reading ${prefix || "the bucket"}`, open, signal);
  const failOnDown = () => reader.fail(unavailable("the connection to NATS was lost"));
  const failOnEnd = () => reader.fail(unavailable("the watch has ended"));
  const ignoreDown = link.onDown(connection, failOnDown);
  const ignoreDenial = link.onDenial((denial) => {
    // Without answers to its flow control the server sends no more, and does not say so.
    if (denial.subject.startsWith(`$JS.FC.${bucket.name.stream}.`)) reader.fail(unavailable(denialText(denial)));
  });
  signal?.addEventListener("abort", failOnEnd);
  if (signal?.aborted) failOnEnd();
  const close = () => {
    ignoreDown();
    ignoreDenial();
    signal?.removeEventListener("abort", failOnEnd);
    reader.close();
  };
  return { reader, close };
}
