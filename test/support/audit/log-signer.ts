import { generateKeyPairSync, sign } from "node:crypto";
import { checkpointText } from "../../../src/audit/checkpoint/checkpoint.ts";
import { signNote, type VerifierKey, verifierKeyText } from "../../../src/audit/checkpoint/note.ts";
import { type Edge, EMPTY_EDGE, grow, rootOf } from "../../../src/audit/tree/edge.ts";
import { leafHash } from "../../../src/audit/tree/hash.ts";

/** Signs checkpoints as the writer of a log does. */
export interface LogSigner {
  readonly key: VerifierKey;
  /** The line of a tlog-policy that trusts it. */
  readonly policyLine: string;
  /** The note of a log with this edge. */
  sign(edge: Edge): string;
  /** The note of a log that has exactly these leaves. */
  checkpoint(leaves: readonly (string | Uint8Array)[]): string;
}

/** A signer with a new key. */
export function createLogSigner(writer: string, host = "signet.example"): LogSigner {
  const origin = `${host}/audit/${writer}`;
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const key = { name: origin, publicKey: Buffer.from(x, "base64url") };
  const note = (edge: Edge) => {
    const text = checkpointText({ origin, size: edge.size, root: rootOf(edge) });
    return signNote(text, key, (data) => sign(null, data, privateKey));
  };
  return {
    key,
    policyLine: `log ${verifierKeyText(key)}\n`,
    sign: note,
    checkpoint: (leaves) => note(leaves.reduce((tree, leaf) => grow(tree, leafHash(Buffer.from(leaf))), EMPTY_EDGE)),
  };
}
