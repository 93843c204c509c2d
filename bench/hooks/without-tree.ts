// Loaded by --import, it takes the Merkle tree out of the spool: events are linked and stored as ever, and nothing is
// hashed for the tree. What the service then signs as the root of its log is none.
import { registerHooks } from "node:module";
import { type Edge, EMPTY_EDGE } from "../../src/audit/tree/edge.ts";
import { EMPTY_ROOT } from "../../src/audit/tree/hash.ts";

const LINKING = /\/src\/audit\/spool\/link-group\.ts$/;
const TREE = /\/tree\/(?:edge|hash)\.ts$/;

registerHooks({
  resolve: (specifier, context, next) =>
    LINKING.test(context.parentURL ?? "") && TREE.test(specifier)
      ? { url: import.meta.url, shortCircuit: true }
      : next(specifier, context),
});

export { LEAF_PREFIX } from "../../src/audit/tree/hash.ts";

export function grow({ size }: Edge): Edge {
  return { ...EMPTY_EDGE, size: size + 1 };
}

export function prefixedLeafHash(): typeof EMPTY_ROOT {
  return EMPTY_ROOT;
}
