import test from "ava";
import { PinnedReads } from "../../../src/grpc/connections/pinned-reads.ts";

test("a read that several requests keep alive is held once, until the last of them has ended", (t) => {
  const pinned = new PinnedReads();
  const [read, other] = [new ArrayBuffer(65_536), new ArrayBuffer(100)];
  t.deepEqual([pinned.pin(read), pinned.pin(read), pinned.pin(other)], [65_536, 0, 100]);
  t.deepEqual([pinned.unpin([read, other]), pinned.unpin([read])], [100, 65_536]);
  t.is(pinned.pin(read), 65_536);
});
