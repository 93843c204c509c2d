import type { Change } from "../../state/keyvalue.ts";
import { liveEntry, type StoredEntry } from "./entry.ts";

interface Yielded {
  readonly revision: number;
  /** The {@link hashOf} of the write's id. */
  readonly write: number;
  readonly expiresAt: number;
}

/**
 * What has expired is looked for once in so many milliseconds for each entry. A look takes up to 70 ns for each: 10⁶
 * entries of which one ends each second would otherwise take a twentieth of a core, and more with every message.
 */
const LOOK_MS_PER_ENTRY = 0.05;

/** What one watch has yielded. After an outage it yields everything that is new, and nothing twice. */
export class WatchProgress {
  /** Whether everything that existed at the beginning was yielded. */
  current = false;
  readonly #live = new Map<string, Yielded>();
  #last = 0;
  #nextExpiry = Infinity;
  #lookedAt = -Infinity;

  /**
   * Yields "gap", then what has changed since the watch was interrupted. `existing` has the last message of each key,
   * in the order of revisions; only what differs is kept until all of it was read. Throws `contradicted(reason)`,
   * before it yields anything, when the bucket that was watched before can't have this content.
   */
  async *compare(
    existing: AsyncIterable<StoredEntry>,
    now: () => number,
    contradicted: (reason: string) => Error,
  ): AsyncGenerator<Change> {
    const gone = new Set(this.#live.keys());
    const changed = new Map<string, StoredEntry>();
    let last = this.#last;
    for await (const found of existing) {
      const contradiction = this.#contradiction(found);
      if (contradiction !== undefined) throw contradicted(contradiction);
      const { key, revision } = found;
      last = Math.max(last, revision);
      gone.delete(key);
      // Deleted first: a Map keeps the position of a key that is set again.
      changed.delete(key);
      const yielded = this.#live.get(key);
      const differs = yielded === undefined ? liveEntry(found, now()) !== undefined : yielded.revision !== revision;
      if (differs) changed.set(key, found);
    }
    this.#last = last;
    yield { type: "gap" };
    yield* this.expire(now());
    for (const key of gone) yield* this.#drop(key);
    for (const found of changed.values()) yield* this.take(found, now());
  }

  #contradiction(found: StoredEntry): string | undefined {
    const { key, revision } = found;
    const yielded = this.#live.get(key);
    if (yielded !== undefined && revision < yielded.revision)
      return `${key} had revision ${yielded.revision}, and now another history`;
    if (yielded?.revision === revision)
      return yielded.write === hashOf(found.write) ? undefined : `revision ${revision} of ${key} is another write now`;
    // An entry with an expiry may be live again: a clock may have been set back.
    const mayReturn = found.deleted || found.expiresAt !== undefined;
    return revision > this.#last || mayReturn ? undefined : `revision ${revision} of ${key} came after a later one`;
  }

  /** Yields the change that a message makes, if any. */
  *take(found: StoredEntry, now: number): Generator<Change> {
    this.#last = Math.max(this.#last, found.revision);
    const entry = liveEntry(found, now);
    if (entry === undefined) return yield* this.#drop(found.key);
    if (this.#live.get(found.key)?.revision === found.revision) return;
    const expiresAt = found.expiresAt ?? Infinity;
    this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    this.#live.set(found.key, { revision: found.revision, write: hashOf(found.write), expiresAt });
    yield { type: "put", entry };
  }

  /** Yields a deletion for each entry that has expired; among many entries, up to {@link LOOK_MS_PER_ENTRY} later. */
  *expire(now: number): Generator<Change> {
    const sinceLook = now - this.#lookedAt;
    const isTooSoon = sinceLook >= 0 && sinceLook < this.#live.size * LOOK_MS_PER_ENTRY;
    if (now < this.#nextExpiry || isTooSoon) return;
    this.#lookedAt = now;
    const expired: string[] = [];
    this.#nextExpiry = Infinity;
    for (const [key, { expiresAt }] of this.#live) {
      if (expiresAt <= now) expired.push(key);
      else this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    }
    for (const key of expired) yield* this.#drop(key);
  }

  *#drop(key: string): Generator<Change> {
    if (this.#live.delete(key)) yield { type: "delete", key };
  }
}

/** 32 bits instead of a text: 10⁵ entries may be watched. */
function hashOf(write = ""): number {
  let hash = 0;
  for (let at = 0; at < write.length; at++) hash = (Math.imul(hash, 31) + write.charCodeAt(at)) | 0;
  return hash;
}
