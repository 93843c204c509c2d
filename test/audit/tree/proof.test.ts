import test from "ava";
import { EMPTY_EDGE, grow, rootOf } from "../../../src/audit/tree/edge.ts";
import { leafHash } from "../../../src/audit/tree/hash.ts";
import { inclusionProof, rootByProof } from "../../../src/audit/tree/proof.ts";

const LEAVES = Array.from({ length: 70 }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));
const leafAt = (index: number) => LEAVES[index] ?? Buffer.alloc(32);
const rootAt = (size: number) => rootOf(LEAVES.slice(0, size).reduce(grow, EMPTY_EDGE));

test("the proof of every leaf leads to the root, in trees of every size", (t) => {
  for (let size = 1; size <= LEAVES.length; size++)
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(leafAt, index, size);
      t.true(rootByProof(leafAt(index), index, size, proof)?.equals(rootAt(size)), `${index} of ${size}`);
      t.true(proof.length <= Math.ceil(Math.log2(size)));
    }
});

test("a proof of another leaf, index or size, or one hash short or long, does not lead there", (t) => {
  for (const [index, size] of [
    [0, 1],
    [5, 7],
    [6, 7],
    [63, 64],
    [64, 65],
    [13, 70],
  ] as const) {
    const proof = inclusionProof(leafAt, index, size);
    const leads = (...[leaf, at, of, hashes]: Parameters<typeof rootByProof>) =>
      rootByProof(leaf, at, of, hashes)?.equals(rootAt(size)) ?? false;
    t.true(leads(leafAt(index), index, size, proof), "control");
    t.false(leads(leafAt(index + 1), index, size, proof));
    t.false(leads(leafAt(index), index, size, [...proof, leafAt(0)]));
    t.false(leads(leafAt(index), size, size, proof));
    for (let at = 0; at < proof.length; at++) {
      t.false(leads(leafAt(index), index, size, proof.toSpliced(at, 1)));
      t.false(leads(leafAt(index), index, size, proof.with(at, leafAt(at))));
    }
    for (let other = 0; other < size; other++)
      if (other !== index) t.false(leads(leafAt(index), other, size, proof), `${other} instead of ${index}`);
  }
});
