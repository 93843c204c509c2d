import { EMPTY_EDGE, grow, rootOf } from "./edge.ts";
import { nodeHash, type TreeHash } from "./hash.ts";

/** The hash of a leaf by its index. */
export type LeafAt = (index: number) => TreeHash;

/**
 * The proof that the leaf at `index` is in the tree of the first `size` leaves: the hashes of the siblings on its way to
 * the root, the leaf's own first (RFC 6962, 2.1.1). `index` MUST be below `size`.
 */
export function inclusionProof(leafAt: LeafAt, index: number, size: number): TreeHash[] {
  let from = 0;
  let to = size;
  const siblings: TreeHash[] = [];
  while (to - from > 1) {
    const split = from + largestPowerBelow(to - from);
    if (index < split) {
      siblings.push(rootBetween(leafAt, split, to));
      to = split;
    } else {
      siblings.push(rootBetween(leafAt, from, split));
      from = split;
    }
  }
  return siblings.reverse();
}

/**
 * The root that a proof leads to; undefined if it can't be one for this leaf, because of its length or its index (RFC
 * 9162, 2.1.3.2).
 */
export function rootByProof(
  leaf: TreeHash,
  index: number,
  size: number,
  proof: readonly TreeHash[],
): TreeHash | undefined {
  if (index >= size) return undefined;
  let [own, last] = [index, size - 1];
  let root = leaf;
  for (const sibling of proof) {
    if (last === 0) return undefined;
    if (own % 2 === 1 || own === last) {
      root = nodeHash(sibling, root);
      // A node at the end without a right sibling is its parent.
      while (own % 2 === 0 && own !== 0) [own, last] = [own / 2, half(last)];
    } else root = nodeHash(root, sibling);
    [own, last] = [half(own), half(last)];
  }
  return last === 0 ? root : undefined;
}

// No shifts: they are of 32 bits.
function half(number: number): number {
  return Math.floor(number / 2);
}

function largestPowerBelow(count: number): number {
  return 2 ** Math.ceil(Math.log2(count) - 1);
}

function rootBetween(leafAt: LeafAt, from: number, to: number): TreeHash {
  let edge = EMPTY_EDGE;
  for (let index = from; index < to; index++) edge = grow(edge, leafAt(index));
  return rootOf(edge);
}
