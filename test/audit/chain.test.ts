import { createHash } from "node:crypto";
import test from "ava";
import { headAfter, nextPlace, startEpoch } from "../../src/audit/chain.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest();

test("the first place of an epoch is number 1 and links to the body before the epoch", (t) => {
  const place = nextPlace(startEpoch("writer-1", 3, sha256("last of epoch 2")));
  t.deepEqual(place, { writer: "writer-1", epoch: 3, seq: 1, prevHash: sha256("last of epoch 2") });
});

test("the first place that a writer ever has links to nothing", (t) => {
  t.is(nextPlace(startEpoch("writer-1", 1, new Uint8Array())).prevHash.length, 0);
});

test("each place counts one more and links to the SHA-256 of the body before", (t) => {
  const first = nextPlace(startEpoch("writer-1", 1, new Uint8Array()));
  const second = nextPlace(headAfter(first, Buffer.from("first")));
  t.deepEqual(second, { writer: "writer-1", epoch: 1, seq: 2, prevHash: sha256("first") });
});
