import { LRUCache } from "lru-cache";
import { Problem } from "../../problem/problem.ts";

/** How long an answer is kept, in milliseconds. */
const WINDOW_MS = 120_000;

/** The oldest answers leave first. A flood of ids costs bounded memory, and shortens the window. */
const MAX_ENTRIES = 10_000;
/** Of all sizes together. An answer takes about seven times its size. */
const MAX_SIZE = 8 * 1024 * 1024;

/** A request: the same `key` with the same `content` is the same request. `size`: length of its claims as JSON. */
interface Asked {
  readonly key: string;
  readonly content: string;
  readonly size: number;
}

interface Entry<Answer> extends Asked {
  readonly answer: Promise<Answer>;
  /** The answer, once it is made. */
  made?: Answer;
}

/** Makes a quick retry safe. */
export interface RequestIds<Answer> {
  /**
   * Within two minutes the same `key` with the same `content` gets the same answer, even while the first one is still
   * in progress. A failure is forgotten, so that a retry tries again. So is an answer that is no longer good: its
   * repetition gets a fresh one.
   *
   * @throws Problem REQUEST_ID_REUSED for a known key with other content.
   */
  once(asked: Asked, make: () => Promise<Answer>, isGood: (answer: Answer) => boolean): Promise<Answer>;
  /**
   * Drops the answers whose two minutes are over, and all of them when the clock was set back. To be called every few
   * seconds: answers contain tokens, which must not stay in memory, and the library drops an old entry only when its
   * key is used again or its place is needed.
   */
  purge(): void;
  /** Number of answers in memory. */
  readonly size: number;
}

/** `now` in whole Unix milliseconds. */
export function createRequestIds<Answer>(now: () => number): RequestIds<Answer> {
  const entries = new LRUCache<string, Entry<Answer>>({
    max: MAX_ENTRIES,
    maxSize: MAX_SIZE,
    sizeCalculation: ({ size }) => size,
    // The library still returns an entry that is exactly as old as its ttl.
    ttl: WINDOW_MS - 1,
    perf: { now },
    // Otherwise the library reads the clock once a millisecond, by a timer of its own.
    ttlResolution: 0,
  });

  let purgedAt = Number.NEGATIVE_INFINITY;

  function remember(entry: Entry<Answer>): Promise<Answer> {
    entries.set(entry.key, entry);
    entry.answer.then(
      (made) => {
        entry.made = made;
      },
      () => {
        // After two minutes another entry may have this key.
        if (entries.peek(entry.key) === entry) entries.delete(entry.key);
      },
    );
    return entry.answer;
  }

  return {
    once(asked, make, isGood) {
      // Not `get`, which would make the answer the youngest: a client that repeats a request must not displace others'.
      const known = entries.peek(asked.key);
      if (known === undefined) return remember({ ...asked, answer: make() });
      if (known.content !== asked.content)
        throw new Problem(
          "REQUEST_ID_REUSED",
          "this request_id was used for another request within the last 2 minutes",
        );
      const isDead = known.made !== undefined && !isGood(known.made);
      return isDead ? remember({ ...asked, answer: make() }) : known.answer;
    },
    purge() {
      const time = now();
      // The library counts from the time of an entry, which a clock that was set back reaches once more, days later.
      if (time < purgedAt) entries.clear();
      else entries.purgeStale();
      purgedAt = time;
    },
    get size() {
      return entries.size;
    },
  };
}
