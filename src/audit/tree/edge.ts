import { EMPTY_ROOT, nodeHash, type TreeHash } from "./hash.ts";

/**
 * The right edge of a growing tree, which is all that appending needs: the roots of its full subtrees, the largest
 * first. There is one for each bit that is set in `size`.
 */
export interface Edge {
  /** The number of leaves, at most 2^53 - 1. */
  readonly size: number;
  readonly roots: readonly TreeHash[];
}

export const EMPTY_EDGE: Edge = { size: 0, roots: [] };

/** The edge after one more leaf. */
export function grow({ size, roots }: Edge, leaf: TreeHash): Edge {
  let root = leaf;
  let left = roots.length;
  // Each full subtree at the end has a right sibling of its size now. No shifts: they are of 32 bits.
  for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) root = nodeHash(at(roots, --left), root);
  return { size: size + 1, roots: [...roots.slice(0, left), root] };
}

/** The hash of the whole tree (RFC 6962, 2.1). */
export function rootOf({ roots }: Edge): TreeHash {
  return roots.length === 0 ? EMPTY_ROOT : roots.reduceRight((right, left) => nodeHash(left, right));
}

/** Whether these can be the roots of a tree of this size. */
export function isEdge(size: number, roots: readonly TreeHash[]): boolean {
  if (!Number.isSafeInteger(size) || size < 0) return false;
  return roots.length === fullSubtrees(size) && roots.every(({ length }) => length === EMPTY_ROOT.length);
}

function fullSubtrees(size: number): number {
  return size.toString(2).replaceAll("0", "").length;
}

function at(roots: readonly TreeHash[], index: number): TreeHash {
  const root = roots[index];
  if (root === undefined) throw new RangeError(`an edge of ${roots.length} roots has none at ${index}`);
  return root;
}
