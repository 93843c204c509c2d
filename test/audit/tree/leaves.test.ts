import test from "ava";
import { Leaves } from "../../../src/audit/tree/leaves.ts";

const hashOf = (index: number) => Buffer.alloc(32, `${index}`);
const indexes = (count: number, distance: number) => Array.from({ length: count }, (_, at) => at * distance);

/** The bytes of memory that leaves at these indexes take. */
function bytesOf(all: readonly number[]): number {
  const used = () => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const hash = hashOf(1);
  const before = used();
  const leaves = new Leaves();
  for (const index of all) leaves.put(index, hash);
  const taken = used() - before;
  // They are in use until here.
  return leaves.get(-1) === undefined ? taken : 0;
}

for (const distance of [1, 3, 7, 8, 255, 256, 2 ** 40])
  test(`leaves that are ${distance} apart are found where they were put, and nowhere else, in any order`, (t) => {
    const all = indexes(1000, distance);
    const ordered = new Leaves();
    for (const index of all) ordered.put(index, hashOf(index));
    const reversed = new Leaves();
    for (const index of all.toReversed()) reversed.put(index, hashOf(index));
    for (const leaves of [ordered, reversed]) {
      t.true(all.every((index) => leaves.get(index)?.equals(hashOf(index))));
      t.is(leaves.get(1000 * distance), undefined);
      if (distance > 1) t.false(all.some((index) => leaves.get(index + 1) !== undefined));
    }
  });

test("a leaf that is put again is replaced, alone and in a page", (t) => {
  for (const count of [1, 256]) {
    const leaves = new Leaves();
    for (const index of indexes(count, 1)) leaves.put(index, hashOf(index));
    leaves.put(0, hashOf(9));
    t.true(leaves.get(0)?.equals(hashOf(9)));
  }
});

test("a leaf far away from all others takes no page of them", (t) => {
  const count = 20_000;
  t.true(bytesOf(indexes(count, 2 ** 20)) < 1500 * count);
});
