import type { Change } from "../../state/keyvalue.ts";
import { liveEntry, type StoredEntry } from "./entry.ts";

interface Yielded {
  readonly revision: number;
  readonly write: string | undefined;
  readonly expiresAt: number;
}

/** What one watch has yielded. After an outage it yields everything that is new, and nothing twice. */
export class WatchProgress {
  /** Whether everything that existed at the beginning was yielded. */
  current = false;
  readonly #live = new Map<string, Yielded>();
  #last = 0;
  #nextExpiry = Infinity;

  /**
   * Yields the changes since the last snapshot. `snapshot` has the last message of each key, in the order of revisions.
   * Throws `contradicted(reason)` when the bucket that was watched before can't have this content.
   */
  *compare(
    snapshot: ReadonlyMap<string, StoredEntry>,
    now: number,
    contradicted: (reason: string) => Error,
  ): Generator<Change> {
    for (const [key, yielded] of this.#live) {
      const found = snapshot.get(key);
      const rolledBack = found !== undefined && found.revision < yielded.revision;
      const replaced = found?.revision === yielded.revision && found.write !== yielded.write;
      if (rolledBack || replaced)
        throw contradicted(`${key} had revision ${yielded.revision}, and now another history`);
    }
    for (const [key, found] of snapshot) {
      const fits = found.revision > this.#last || this.#live.get(key)?.revision === found.revision;
      // An entry with an expiry may be live again: a clock may have been set back.
      const mayReturn = found.deleted || found.expiresAt !== undefined;
      if (!fits && !mayReturn) throw contradicted(`revision ${found.revision} of ${key} came after a later one`);
    }
    for (const key of [...this.#live.keys()]) if (!snapshot.has(key)) yield* this.#drop(key);
    for (const found of snapshot.values()) yield* this.take(found, now);
  }

  /** Yields the change that a message makes, if any. */
  *take(found: StoredEntry, now: number): Generator<Change> {
    this.#last = Math.max(this.#last, found.revision);
    const entry = liveEntry(found, now);
    if (entry === undefined) return yield* this.#drop(found.key);
    if (this.#live.get(found.key)?.revision === found.revision) return;
    const expiresAt = found.expiresAt ?? Infinity;
    this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt);
    this.#live.set(found.key, { revision: found.revision, write: found.write, expiresAt });
    yield { type: "put", entry };
  }

  /** Yields a deletion for each entry that has expired. */
  *expire(now: number): Generator<Change> {
    if (now < this.#nextExpiry) return;
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
