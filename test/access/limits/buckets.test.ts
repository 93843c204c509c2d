import test from "ava";
import fc from "fast-check";
import { createBuckets } from "../../../src/access/limits/buckets.ts";
import type { Rate } from "../../../src/access/limits/rate.ts";
import { WindowOracle } from "./window-oracle.ts";

const RATE: Rate = { intervalNs: 100, burst: 3 };
const CAPACITY = 3;
const KEYS = ["a", "b", "c", "d", "e", "f"];

/** Requests for one: of which key, and how long after the one before. */
const REQUESTS = fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.integer({ min: 0, max: 150 })), { maxLength: 120 });

const property = (capacity: number) =>
  fc.property(REQUESTS, (requests) => {
    const buckets = createBuckets(capacity);
    const oracles = new Map(KEYS.map((key) => [key, new WindowOracle()]));
    let now = 0;
    return requests.every(([key, step]) => {
      now += step;
      const oracle = oracles.get(key) ?? new WindowOracle();
      const allowed = oracle.allows(RATE, now);
      const inUse = [...oracles].filter(([, other]) => !other.isFull(RATE, now)).map(([name]) => name);
      const hasRoom = inUse.includes(key) || inUse.length < CAPACITY;
      if (buckets.waitNs(key, RATE, now) > 0) return !(allowed && hasRoom);
      if (!allowed || !hasRoom) return false;
      buckets.take(key, RATE, now);
      oracle.accept(now);
      return buckets.size <= CAPACITY;
    });
  });

test("a bounded number of buckets allows what an unbounded one does, where buckets that are not full leave room", (t) => {
  t.notThrows(() => fc.assert(property(CAPACITY), { numRuns: 2_000 }));
});

test("negative control: one bucket more or fewer is found", (t) => {
  for (const capacity of [CAPACITY - 1, CAPACITY + 1])
    t.throws(() => fc.assert(property(capacity), { numRuns: 2_000 }), { message: /Property failed/ });
});

test("a flood of keys does not reset the limit of any", (t) => {
  const buckets = createBuckets(100);
  const take = (key: string, now: number) => {
    const free = buckets.waitNs(key, RATE, now) === 0;
    if (free) buckets.take(key, RATE, now);
    return free;
  };
  t.deepEqual(
    [1, 2, 3, 4].map(() => take("attacker", 0)),
    [true, true, true, false],
  );
  let flooded = 0;
  for (let key = 0; key < 10_000; key += 1) if (take(`key-${key}`, 0)) flooded += 1;
  t.is(flooded, 99);
  t.false(take("attacker", 99), "its bucket is still there");
  t.false(take("new", 99), "and a new key waits");
  t.true(take("new", 100), "until a bucket is full");
});

test("where all buckets are in use, a new key waits until the first of them is full", (t) => {
  const buckets = createBuckets(2);
  for (const [key, now] of [
    ["a", 0],
    ["b", 10],
    ["a", 20],
  ] as const)
    buckets.take(key, RATE, now);
  const wait = buckets.waitNs("c", RATE, 30);
  t.is(wait, 110 - 30);
  t.is(buckets.waitNs("c", RATE, 30 + wait), 0);
});

test("full buckets are forgotten while others are used", (t) => {
  const buckets = createBuckets(1_000);
  for (let key = 0; key < 100; key += 1) buckets.take(`key-${key}`, RATE, 0);
  t.is(buckets.size, 100);
  for (let at = 0; at < 100; at += 1) {
    t.is(buckets.waitNs(`later-${at}`, RATE, 1_000), 0);
    buckets.take(`later-${at}`, RATE, 1_000);
  }
  t.is(buckets.size, 100);
});
