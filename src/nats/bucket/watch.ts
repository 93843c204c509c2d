import { watchAgain } from "../../async/follow.ts";
import { type Change, checkPrefix, isUnavailable } from "../../state/keyvalue.ts";
import { unavailable } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import type { Access, Bucket } from "./bucket.ts";
import type { StoredEntry } from "./entry.ts";
import { type BucketReader, openBucketReader, readSnapshot } from "./reader.ts";
import { ToldEntries } from "./watch-progress.ts";

const REOPEN_MS = 250;

/** Where to read. */
interface WatchPlace {
  readonly link: NatsLink;
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly signal?: AbortSignal;
}

export interface BucketWatch extends WatchPlace {
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** A reader that has read all that was there. */
interface OpenWatch {
  readonly reader: BucketReader;
  readonly snapshot: ReadonlyMap<string, StoredEntry>;
  readonly close: () => void;
}

/**
 * The watch of the port. After every interruption all of the prefix is read again and compared with what was told, since a
 * consumer that went on from its place would not see what happened to the bucket itself.
 */
export async function* watchBucket(watch: BucketWatch): AsyncGenerator<Change> {
  checkPrefix(watch.prefix);
  const told = new ToldEntries();
  yield* watchAgain(
    () => changesUntilInterrupted(watch, told),
    watch.signal,
    (error) => {
      if (!told.current || !isUnavailable(error)) throw error;
      return REOPEN_MS;
    },
  );
}

async function* changesUntilInterrupted(watch: BucketWatch, told: ToldEntries): AsyncGenerator<Change> {
  const { link, bucket, signal, now } = watch;
  if (told.current) await link.connected(signal);
  const { reader, snapshot, close } = await openWatch(watch);
  try {
    for (const change of told.compare(snapshot, now(), (reason) => bucket.lose(reason))) {
      if (signal.aborted) return;
      yield change;
    }
    if (signal.aborted) return;
    if (!told.current) {
      told.current = true;
      yield { type: "current" };
    }
    while (!signal.aborted) {
      const { revision, entry } = await reader.next();
      bucket.read(revision);
      yield* told.expire(now());
      if (entry !== undefined) yield* told.take(entry, now());
    }
  } finally {
    close();
  }
}

/** The last message of each key with this prefix, by revision, deleted and expired entries with them. */
export async function readBucket(place: WatchPlace): Promise<readonly StoredEntry[]> {
  const { snapshot, close } = await openWatch(place);
  close();
  return [...snapshot.values()];
}

/** What is there may take longer to read than a call may last: the call ends where the reading begins. */
async function openWatch({ link, bucket, prefix, signal }: WatchPlace): Promise<OpenWatch> {
  const open = (access: Access) => openBucketReader(bucket, access, prefix);
  const reader = await bucket.call(`watching ${prefix}`, open, signal);
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
