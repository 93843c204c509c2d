import { CodedError } from "../../coded-error.ts";
import type { LogPolicy } from "../checkpoint/policy.ts";
import { readCheckpoint } from "../stream-message.ts";
import { leafHash } from "../tree/hash.ts";
import { rootByProof } from "../tree/proof.ts";
import { parseLine, readEntry, type StoredEvent } from "../verify/entry.ts";
import { ProofError, parseTlogProof } from "./tlog-proof.ts";

/**
 * A receipt that proves nothing.
 *
 * - `MALFORMED`: it is no receipt.
 * - `UNKNOWN_LOG`: the policy does not name the log.
 * - `BAD_SIGNATURE`: its checkpoint is not signed by the key of the log.
 * - `NOT_INCLUDED`: the event is not in the log that the checkpoint states.
 * - `NO_TOKEN`: what was logged is neither that a token was issued nor a public key.
 */
export class ReceiptError extends CodedError<
  "MALFORMED" | "UNKNOWN_LOG" | "BAD_SIGNATURE" | "NOT_INCLUDED" | "NO_TOKEN"
> {}

/** What a receipt proves: this event, with all that it says, is in the log. */
export interface ProvenEvent {
  /** Undefined: the event is of a key. */
  readonly tokenId: string | undefined;
  /** Of a key that was published. Undefined: the event is of a token. */
  readonly publicKeyId: string | undefined;
  /** The JSON of the event. */
  readonly event: StoredEvent;
  readonly origin: string;
  readonly index: number;
  /** That of the tree which the checkpoint states. */
  readonly size: number;
}

/** Checks a receipt by the keys of a policy alone. Throws a {@link ReceiptError}. */
export function checkReceipt(receipt: Uint8Array, policy: LogPolicy): ProvenEvent {
  const { extra, index, hashes, checkpoint: note } = parse(receipt);
  const checkpoint = readCheckpoint(note);
  if (checkpoint === undefined) throw malformed("it has no checkpoint of an audit log");
  const { origin, size, root, writer } = checkpoint;
  const signature = policy.judge(note, origin);
  if (signature === "UNKNOWN_LOG") throw new ReceiptError(signature, "the policy does not name the log of the receipt");
  if (signature === "BAD_SIGNATURE")
    throw new ReceiptError(signature, "the checkpoint is not signed by the key that the policy has for its log");
  if (rootByProof(leafHash(extra), index, size, hashes)?.equals(root) !== true)
    throw new ReceiptError("NOT_INCLUDED", "the event is not in the log that the checkpoint states");
  const event = parseLine(extra);
  const entry = event && readEntry(extra, event);
  if (event === undefined || entry === undefined) throw malformed("what was logged is no audit event");
  // Signed, so only a writer that is broken gets here.
  if (entry.writer !== writer || entry.leaf?.index !== index)
    throw malformed("the event names another writer or index than the log");
  return { ...subjectOf(event), event, origin, index, size };
}

function parse(receipt: Uint8Array) {
  try {
    return parseTlogProof(receipt);
  } catch (error) {
    if (error instanceof ProofError) throw new ReceiptError("MALFORMED", error.message, { cause: error });
    throw error;
  }
}

/** The token that was issued, or the key that was published. Throws a {@link ReceiptError} NO_TOKEN. */
function subjectOf({ tokenIssued, keyPublished }: StoredEvent): Pick<ProvenEvent, "tokenId" | "publicKeyId"> {
  const tokenId = textOf(Object(tokenIssued).tokenId);
  const publicKeyId = textOf(Object(keyPublished).keyId);
  if (tokenId !== undefined || publicKeyId !== undefined) return { tokenId, publicKeyId };
  throw new ReceiptError("NO_TOKEN", "what was logged is neither that a token was issued nor a public key");
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function malformed(what: string): ReceiptError {
  return new ReceiptError("MALFORMED", `this is no receipt: ${what}`);
}
