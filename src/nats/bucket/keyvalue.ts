import { randomUUID } from "node:crypto";
import { checkKey, checkPrefix, checkValue, type KeyValue, type WriteOptions } from "../../state/keyvalue.ts";
import { unavailable } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import { type Access, Bucket, type BucketOptions } from "./bucket.ts";
import { type ClockOffset, clockOffset } from "./clock.ts";
import { liveEntry } from "./entry.ts";
import { sweep } from "./sweep.ts";
import { readBucket, watchBucket } from "./watch.ts";
import { letOthersLand, offer, readLast, type Write } from "./write.ts";

export interface NatsKeyValueOptions extends BucketOptions {
  /** Unix milliseconds; decides what has expired. */
  readonly now: () => number;
}

export interface NatsKeyValue extends KeyValue {
  /** Compares the clock of `now` with that of NATS; see {@link clockOffset}. */
  clockOffset(): Promise<ClockOffset>;
  /** Removes what has long expired or been deleted; see {@link sweep}. To be called now and then, by any replica. */
  sweep(): Promise<number>;
}

/**
 * The store of several replicas: the JetStream bucket `signet`, made at the first use if there is none, never changed. It
 * serves the bucket that it found first: when that is gone, made anew or rolled back, every call and watch throws LOST, and
 * a new store must be created over the link.
 */
export function createNatsKeyValue(link: NatsLink, options: NatsKeyValueOptions): NatsKeyValue {
  const { now } = options;
  const bucket = new Bucket(link, options);

  return {
    async get(key) {
      checkKey(key);
      return bucket.call(`reading ${key}`, async (access) => {
        const found = await readLast(access, key);
        if (found !== undefined) bucket.read(found.revision);
        // Nothing is believed absent on the word of another bucket.
        else await bucket.verify(access);
        return liveEntry(found, now());
      });
    },
    async create(key, value, writeOptions = {}) {
      const write = writeOf("create", key, value, writeOptions);
      return bucket.call(`creating ${key}`, (access) => create(bucket, access, write, now));
    },
    async update(key, value, revision, writeOptions = {}) {
      const write = writeOf("update", key, value, writeOptions);
      if (revision < 1) return undefined;
      return bucket.call(`updating ${key}`, (access) => update(bucket, access, write, revision, now));
    },
    async delete(key) {
      const write = writeOf("delete", key, new Uint8Array(), {});
      await bucket.call(`deleting ${key}`, (access) => remove(bucket, access, write, now));
    },
    async list(prefix) {
      checkPrefix(prefix);
      const entries = await readBucket({ link, bucket, prefix });
      return entries.flatMap((entry) => liveEntry(entry, now()) ?? []);
    },
    watch: (prefix, signal) => watchBucket({ link, bucket, prefix, signal, now }),
    clockOffset: () => clockOffset(bucket, now),
    sweep: () => sweep(link, bucket, now),
  };
}

function writeOf(operation: Write["operation"], key: string, value: Uint8Array, options: WriteOptions): Write {
  checkKey(key);
  checkValue(key, value);
  // Copied: the connection may have to be checked first, and the caller's buffer may change meanwhile.
  return { key, value: Uint8Array.from(value), options, operation, id: randomUUID() };
}

/**
 * Offers the claim until its outcome is told. A claim whose answer was lost is offered again: it is then refused because of
 * itself, and found by its id, or it wins, and the first offer can't come through any more.
 */
async function create(bucket: Bucket, access: Access, write: Write, now: () => number): Promise<number | undefined> {
  let expected = 0;
  let unsure = false;
  while (!access.signal.aborted) {
    const outcome = await offer(bucket, access, write, expected);
    if (typeof outcome === "number") return outcome;
    if (outcome === "unknown") {
      unsure = true;
      continue;
    }
    const found = await readLast(access, write.key);
    if (found?.write === write.id) return found.revision;
    if (liveEntry(found, now()) !== undefined) {
      // What was updated since may have been this claim.
      if (unsure && found?.operation !== "create") throw outcomeUnknown(write);
      return undefined;
    }
    const revision = found?.revision ?? 0;
    if (revision === expected) await letOthersLand(access);
    expected = revision;
  }
  throw outcomeUnknown(write);
}

async function update(
  bucket: Bucket,
  access: Access,
  write: Write,
  revision: number,
  now: () => number,
): Promise<number | undefined> {
  const current = await readLast(access, write.key);
  if (current?.revision === revision && liveEntry(current, now()) === undefined) return undefined;
  let unsure = false;
  while (!access.signal.aborted) {
    const outcome = await offer(bucket, access, write, revision);
    if (typeof outcome === "number") return outcome;
    if (outcome === "unknown") {
      unsure = true;
      continue;
    }
    const found = await readLast(access, write.key);
    if (found?.write === write.id) return found.revision;
    if (found?.revision !== revision) {
      if (unsure) throw outcomeUnknown(write);
      return undefined;
    }
    await letOthersLand(access);
  }
  throw outcomeUnknown(write);
}

/** Deletes exactly what was read: a deletion that comes late must not hit what was created since. */
async function remove(bucket: Bucket, access: Access, write: Write, now: () => number): Promise<void> {
  for (let last = 0; !access.signal.aborted; ) {
    const found = await readLast(access, write.key);
    if (found === undefined) await bucket.verify(access);
    if (found === undefined || liveEntry(found, now()) === undefined) return;
    if (found.revision === last) await letOthersLand(access);
    last = found.revision;
    const outcome = await offer(bucket, access, write, found.revision);
    if (typeof outcome === "number") return;
  }
  throw outcomeUnknown(write);
}

function outcomeUnknown({ operation, key }: Write): Error {
  return unavailable(`${operation} of ${key}: whether it happened can't be told`);
}
