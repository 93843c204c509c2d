import { sha256 } from "../sha256.ts";

/** A SHA-256 hash of a Merkle tree (RFC 6962, 2.1): 32 bytes. */
export type TreeHash = Buffer;

/** The root of the tree without leaves: the hash of nothing. */
export const EMPTY_ROOT: TreeHash = sha256(new Uint8Array());

// The prefixes keep a leaf from being taken for a node: without them somebody could show two nodes as an event.
export const LEAF_PREFIX = "\0";
const LEAF = Buffer.from(LEAF_PREFIX);
/** The prefix and room for two hashes: of one size, and used again, since each event makes a node on average. */
const node = Buffer.from([1, ...EMPTY_ROOT, ...EMPTY_ROOT]);

/** The hash of a leaf. The leaf of an event is its body, byte for byte as it is published. */
export function leafHash(leaf: Uint8Array): TreeHash {
  return prefixedLeafHash(Buffer.concat([LEAF, leaf]));
}

/** The hash of a leaf that stands behind its prefix already: of every token's event, which then is not copied. */
export function prefixedLeafHash(prefixed: Uint8Array): TreeHash {
  return sha256(prefixed);
}

/** The hash of a node over the hashes of its two children. */
export function nodeHash(left: TreeHash, right: TreeHash): TreeHash {
  if (left.length !== EMPTY_ROOT.length || right.length !== EMPTY_ROOT.length)
    throw new RangeError(`the hash of a node must have ${EMPTY_ROOT.length} bytes`);
  node.set(left, 1);
  node.set(right, 1 + EMPTY_ROOT.length);
  return sha256(node);
}
