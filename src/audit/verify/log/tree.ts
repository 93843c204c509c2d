import { type Edge, rootOf } from "../../tree/edge.ts";
import { nodeHash, type TreeHash } from "../../tree/hash.ts";
import type { WriterChain } from "../chain/writer-chain.ts";
import type { LogSpan } from "./spans.ts";

/** A tree as far as the events go on without a gap. */
export interface GrownTree {
  readonly edge: Edge;
  /** The hash of the tree at each size that was asked for, and that it has had. */
  readonly roots: ReadonlyMap<number, TreeHash>;
}

/** Grows the tree of a log by the leaves of the spans that follow `from`. */
export function growTree(
  chain: WriterChain,
  spans: readonly LogSpan[],
  from: Edge,
  sizes: Iterable<number>,
): GrownTree {
  const wanted = new Set(sizes);
  const roots = new Map<number, TreeHash>();
  const edge = { size: from.size, roots: [...from.roots] };
  if (wanted.has(edge.size)) roots.set(edge.size, rootOf(edge));
  for (const { epoch, from: first, to, index } of spans) {
    if (index > edge.size) break;
    const { places } = chain.epoch(epoch);
    for (let seq = first + edge.size - index; seq <= to; seq++) {
      const leaf = places.leafOf(seq);
      if (leaf === undefined) return { edge, roots };
      append(edge, leaf);
      if (wanted.has(edge.size)) roots.set(edge.size, rootOf(edge));
    }
  }
  return { edge, roots };
}

/** As `grow`, in place: a new edge for each event would cost as much as its hash. */
function append(edge: { size: number; readonly roots: TreeHash[] }, leaf: TreeHash): void {
  let root = leaf;
  for (let rest = edge.size; rest % 2 === 1; rest = (rest - 1) / 2) root = nodeHash(edge.roots.pop() ?? root, root);
  edge.roots.push(root);
  edge.size += 1;
}
