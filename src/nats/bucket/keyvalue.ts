import { randomUUID } from "node:crypto";
import { settledAll } from "../../async/settled-all.ts";
import {
  checkKey,
  checkPrefix,
  checkValue,
  checkWrites,
  type KeyValue,
  type WriteOptions,
} from "../../state/keyvalue.ts";
import { unavailable } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import { type Access, Bucket, type BucketOptions } from "./bucket.ts";
import { type ClockOffset, clockOffset } from "./clock.ts";
import { liveEntry, type StoredEntry } from "./entry.ts";
import { sweep } from "./sweep.ts";
import { learnRevisions, readBucket, watchBucket } from "./watch.ts";
import { offer, readLast, type Write, waitForInFlightWrites } from "./write.ts";

export interface NatsKeyValueOptions extends BucketOptions {
  /** Unix milliseconds; decides what has expired. */
  readonly now: () => number;
}

export interface NatsKeyValue extends KeyValue {
  /** Compares the clock of `now` with that of NATS; see {@link clockOffset}. */
  clockOffset(): Promise<ClockOffset>;
  /** Looks whether it is still the bucket that was opened, with all revisions that were seen. */
  look(): Promise<void>;
  /** See {@link learnRevisions}. */
  learnRevisions(signal: AbortSignal): Promise<never>;
  /** Removes what expired or was deleted long ago; see {@link sweep}. Any replica may call it, now and then. */
  sweep(): Promise<number>;
}

/**
 * A store that several replicas share: a JetStream bucket, created at the first use if there is none, and never
 * changed. It serves only the bucket that it found first. When that one is gone, was created again or rolled
 * back, every call and watch throws LOST, and a new store must be created over the link.
 */
export function createNatsKeyValue(link: NatsLink, options: NatsKeyValueOptions): NatsKeyValue {
  const { now } = options;
  const bucket = new Bucket(link, options);

  const store: NatsKeyValue = {
    async get(key) {
      checkKey(key);
      return bucket.call(`reading ${key}`, async (access) => {
        const found = await readLast(bucket, access, key);
        if (found !== undefined) bucket.sawRead(found.revision);
        // A key is absent only if the bucket that says so is the right one.
        else await bucket.verify(access);
        return liveEntry(found, now());
      });
    },
    async create(key, value, writeOptions = {}) {
      const write = writeOf(bucket, "create", key, value, writeOptions);
      return bucket.call(`creating ${key}`, (access) => create(bucket, access, write, now));
    },
    async update(key, value, revision, writeOptions = {}) {
      const write = writeOf(bucket, "update", key, value, writeOptions);
      if (revision < 1) return undefined;
      return bucket.call(`updating ${key}`, (access) => update(bucket, access, write, revision, now));
    },
    async writeAll(writes) {
      checkWrites(writes, bucket.name.maxValueBytes);
      // All are on their way at once: each is acknowledged on its own.
      return settledAll(
        writes.map(({ key, value, revision, ...writeOptions }) =>
          revision === undefined
            ? store.create(key, value, writeOptions)
            : store.update(key, value, revision, writeOptions),
        ),
      );
    },
    async delete(key) {
      const write = writeOf(bucket, "delete", key, new Uint8Array(), {});
      await bucket.call(`deleting ${key}`, (access) => remove(bucket, access, write, now));
    },
    async list(prefix) {
      checkPrefix(prefix);
      const entries = new Map<string, StoredEntry>();
      for await (const entry of readBucket({ link, bucket, prefix })) {
        // Deleted first: a Map keeps the position of a key that is set again.
        entries.delete(entry.key);
        entries.set(entry.key, entry);
      }
      return [...entries.values()].flatMap((entry) => liveEntry(entry, now()) ?? []);
    },
    watch: (prefix, signal) => watchBucket({ link, bucket, prefix, signal, now }),
    clockOffset: () => clockOffset(bucket, now),
    look: () =>
      bucket.call("looking at the bucket", async (access) => {
        const { state } = await bucket.verify(access);
        bucket.sawRead(state.last_seq);
      }),
    learnRevisions: (signal) => learnRevisions(link, bucket, signal),
    sweep: () => sweep(link, bucket, now),
  };
  return store;
}

function writeOf(
  { name }: Bucket,
  operation: Write["operation"],
  key: string,
  value: Uint8Array,
  options: WriteOptions,
): Write {
  checkKey(key);
  checkValue(key, value, name.maxValueBytes);
  // Copied: the connection may have to be checked first, and the caller's buffer may change meanwhile.
  return { key, value: Uint8Array.from(value), options, operation, id: randomUUID() };
}

/**
 * The next step after a conflict. "lost": another write won. "unknown": this write may have happened, and been
 * replaced.
 */
type Decision = { readonly offerAt: number } | "lost" | "unknown";

/**
 * Offers a write until its outcome is known. A write whose answer was lost is offered again: either the conflict is
 * with itself, and it is found by its id, or it wins now, and the first offer can't be stored any more. At any other
 * conflict `decide` gets the last entry of the key, and whether an answer was lost.
 */
async function offerUntilDecided(
  bucket: Bucket,
  access: Access,
  write: Write,
  expected: number,
  decide: (found: StoredEntry | undefined, unsure: boolean) => Decision,
): Promise<number | undefined> {
  let unsure = false;
  for (let offered = expected; !access.signal.aborted; ) {
    const outcome = await offer(bucket, access, write, offered);
    if (typeof outcome === "number") return outcome;
    if (outcome === "unknown") {
      unsure = true;
      continue;
    }
    const found = await readLast(bucket, access, write.key);
    if (found?.write === write.id) return found.revision;
    const decision = decide(found, unsure);
    if (decision === "lost") return undefined;
    if (decision === "unknown") break;
    if (decision.offerAt === offered) await waitForInFlightWrites(access);
    offered = decision.offerAt;
  }
  throw outcomeUnknown(write);
}

function create(bucket: Bucket, access: Access, write: Write, now: () => number): Promise<number | undefined> {
  return offerUntilDecided(bucket, access, write, 0, (found, unsure) => {
    if (liveEntry(found, now()) === undefined) return { offerAt: found?.revision ?? 0 };
    // An entry that was updated since may have been created by this write.
    return unsure && found?.operation !== "create" ? "unknown" : "lost";
  });
}

async function update(
  bucket: Bucket,
  access: Access,
  write: Write,
  revision: number,
  now: () => number,
): Promise<number | undefined> {
  const current = await readLast(bucket, access, write.key);
  if (current?.revision === revision && liveEntry(current, now()) === undefined) return undefined;
  return offerUntilDecided(bucket, access, write, revision, (found, unsure) => {
    if (found?.revision === revision) return { offerAt: revision };
    return unsure ? "unknown" : "lost";
  });
}

/** Deletes exactly what was read: a deletion that arrives late must not hit what was created since. */
async function remove(bucket: Bucket, access: Access, write: Write, now: () => number): Promise<void> {
  for (let last = 0; !access.signal.aborted; ) {
    const found = await readLast(bucket, access, write.key);
    if (found === undefined) await bucket.verify(access);
    if (found === undefined || liveEntry(found, now()) === undefined) return;
    if (found.revision === last) await waitForInFlightWrites(access);
    last = found.revision;
    const outcome = await offer(bucket, access, write, found.revision);
    if (typeof outcome === "number") return;
  }
  throw outcomeUnknown(write);
}

function outcomeUnknown({ operation, key }: Write): Error {
  return unavailable(`${operation} of ${key}: its outcome is unknown`);
}
