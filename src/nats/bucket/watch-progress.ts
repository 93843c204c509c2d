import type { Change } from "../../state/keyvalue.ts";
import { liveEntry, type StoredEntry } from "./entry.ts";

interface Told {
  readonly revision: number;
  readonly write: string | undefined;
  readonly expiresAt: number;
}

/** What one watch has told, so that after an outage it tells what is new, all of it, and nothing twice. */
export class ToldEntries {
  /** Whether all that was there at the beginning has been told. */
  current = false;
  readonly #live = new Map<string, Told>();
  #last = 0;
  #nextExpiry = Infinity;

  /**
   * What is to be told of the last message of each key, in the order of revisions. Calls `contradicted` with the reason
   * when a bucket that held what was told can't hold this.
   */
  *compare(
    snapshot: ReadonlyMap<string, StoredEntry>,
    now: number,
    contradicted: (reason: string) => Error,
  ): Generator<Change> {
    for (const [key, told] of this.#live) {
      const found = snapshot.get(key);
      const rolledBack = found !== undefined && found.revision < told.revision;
      const replaced = found?.revision === told.revision && found.write !== told.write;
      if (rolledBack || replaced) throw contradicted(`${key} had revision ${told.revision}, and now another history`);
    }
    for (const [key, found] of snapshot) {
      const fits = found.revision > this.#last || this.#live.get(key)?.revision === found.revision;
      // One that expires may be live again: a clock may have been set back.
      const mayReturn = found.deleted || found.expiresAt !== undefined;
      if (!fits && !mayReturn) throw contradicted(`revision ${found.revision} of ${key} came after a later one`);
    }
    for (const key of [...this.#live.keys()]) if (!snapshot.has(key)) yield* this.#drop(key);
    for (const found of snapshot.values()) yield* this.take(found, now);
  }

  /** What is to be told of a message. */
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

  /** What is to be told because time went on. */
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
