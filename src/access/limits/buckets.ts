import TinyQueue from "tinyqueue";
import { type Rate, taken, waitNs } from "./rate.ts";

/** Buckets by key. All times are whole nanoseconds of one monotonic clock. */
export interface Buckets {
  /** How long the key must wait until its bucket has one; 0: it has one now. */
  waitNs(key: string, rate: Rate, now: number): number;
  /** Takes one. MUST follow a wait of 0 for the same key and time. */
  take(key: string, rate: Rate, now: number): void;
  readonly size: number;
}

interface Bucket {
  readonly key: string;
  fullAt: number;
  /** Its place in the queue: `fullAt` when it was put there. Later than `fullAt` only if its rate was raised since. */
  due: number;
}

/**
 * Creates at most `capacity` buckets. One that is full again is forgotten, since it says nothing. Where all are in use,
 * a new key waits until one is full: forgetting another one would let a flood of keys reset a limit.
 */
export function createBuckets(capacity: number): Buckets {
  const buckets = new Map<string, Bucket>();
  const queue = new TinyQueue<Bucket>([], (a, b) => a.due - b.due);

  /** The bucket that is full first. Each use of a bucket moves it at most once. */
  function firstFull(): Bucket | undefined {
    for (;;) {
      const first = queue.peek();
      if (first === undefined || first.due === first.fullAt) return first;
      queue.pop();
      first.due = first.fullAt;
      queue.push(first);
    }
  }

  /** Forgets up to two full buckets: as each new key adds one, the number falls with the traffic. */
  function forgetFull(now: number): void {
    for (let left = 2; left > 0; left -= 1) {
      const first = firstFull();
      if (first === undefined || first.fullAt > now) return;
      queue.pop();
      buckets.delete(first.key);
    }
  }

  return {
    waitNs(key, rate, now) {
      const bucket = buckets.get(key);
      if (bucket !== undefined) return waitNs(bucket.fullAt, rate, now);
      forgetFull(now);
      return buckets.size < capacity ? 0 : (firstFull()?.fullAt ?? now) - now;
    },
    take(key, rate, now) {
      const bucket = buckets.get(key);
      if (bucket !== undefined) {
        bucket.fullAt = taken(bucket.fullAt, rate, now);
        return;
      }
      const fullAt = taken(now, rate, now);
      const added = { key, fullAt, due: fullAt };
      buckets.set(key, added);
      queue.push(added);
    },
    get size() {
      return buckets.size;
    },
  };
}
