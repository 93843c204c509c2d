import test from "ava";
import { type Edge, EMPTY_EDGE, grow, isEdge, rootOf } from "../../../src/audit/tree/edge.ts";
import { leafHash, nodeHash, type TreeHash } from "../../../src/audit/tree/hash.ts";

// The leaves and roots with which implementations of Certificate Transparency (RFC 6962) test their trees.
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const leaves = (count: number) => Array.from({ length: count }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));

function edges(hashes: readonly TreeHash[]): Edge[] {
  const all = [EMPTY_EDGE];
  for (const hash of hashes) all.push(grow(all.at(-1) ?? EMPTY_EDGE, hash));
  return all;
}

/** The tree hash as RFC 6962, 2.1 defines it. */
function mth(hashes: readonly TreeHash[]): TreeHash {
  if (hashes.length <= 1) return hashes[0] ?? rootOf(EMPTY_EDGE);
  let k = 1;
  while (2 * k < hashes.length) k *= 2;
  return nodeHash(mth(hashes.slice(0, k)), mth(hashes.slice(k)));
}

test("the roots are those of the known vectors of RFC 6962", (t) => {
  const all = edges(LEAVES.map((hex) => leafHash(Buffer.from(hex, "hex"))));
  t.deepEqual(
    all.map((edge) => rootOf(edge).toString("hex")),
    ROOTS,
  );
});

test("at every size to 300 the root is that of the definition, and the edge is one", (t) => {
  const hashes = leaves(300);
  for (const [size, edge] of edges(hashes).entries()) {
    t.true(rootOf(edge).equals(mth(hashes.slice(0, size))), `size ${size}`);
    t.true(isEdge(edge.size, edge.roots));
  }
});

test("a tree of more than 2^32 leaves grows", (t) => {
  const full = { size: 2 ** 33 - 1, roots: leaves(33) };
  t.deepEqual(
    {
      size: grow(full, leafHash(Buffer.from("last"))).size,
      roots: grow(full, leafHash(Buffer.from("last"))).roots.length,
    },
    { size: 2 ** 33, roots: 1 },
  );
});

test("roots that no tree of the size can have are no edge", (t) => {
  const [root] = leaves(1);
  t.false(isEdge(1, []));
  t.false(isEdge(2, [root as TreeHash, root as TreeHash]));
  t.false(isEdge(1, [Buffer.alloc(31)]));
  t.false(isEdge(-1, []));
  t.false(isEdge(1.5, [root as TreeHash]));
});
