import test from "ava";
import { isFull, LEAST_FREE_BYTES } from "../../src/files/free-space.ts";

const bsize = 4096;
const least = LEAST_FREE_BYTES / bsize;

test("a file system is full when less than the least is free, of which only root may use the reserve", (t) => {
  const blocks = { bsize, blocks: 1 << 20, bfree: least, bavail: least - 1 };
  t.true(isFull(blocks, false));
  t.false(isFull(blocks, true));
  t.true(isFull({ ...blocks, bfree: least - 1 }, true));
  t.false(isFull({ ...blocks, bavail: least }, false));
});

test("a file system that does not know its size is not full", (t) => {
  t.false(isFull({ bsize, blocks: 0, bfree: 0, bavail: 0 }, false));
});
