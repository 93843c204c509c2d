import { isUtf8 } from "node:buffer";
import { CodedError } from "../../coded-error.ts";
import { base64Bytes } from "../checkpoint/base64.ts";
import { EMPTY_ROOT, type TreeHash } from "../tree/hash.ts";

/** The text is no proof. */
export class ProofError extends CodedError<"MALFORMED"> {}

/** That an entry is in a log (C2SP tlog-proof). */
export interface TlogProof {
  /** Data that the proof itself does not vouch for. Empty: none. */
  readonly extra: Buffer;
  readonly index: number;
  /** The inclusion proof, the leaf's sibling first. */
  readonly hashes: readonly TreeHash[];
  /** The signed note. */
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";
/** As many as a tree of 2^53 leaves has levels. */
const MAX_HASHES = 53;

export function tlogProofText({ extra, index, hashes, checkpoint }: TlogProof): string {
  return [
    HEADER,
    ...(extra.length === 0 ? [] : [`extra ${extra.toString("base64")}`]),
    `index ${index}`,
    ...hashes.map((hash) => hash.toString("base64")),
    "",
    checkpoint,
  ].join("\n");
}

/** Reads what {@link tlogProofText} writes, and nothing that means the same in other bytes. Throws a {@link ProofError}. */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (!isUtf8(bytes)) throw malformed("it must be UTF-8");
  const text = Buffer.from(bytes).toString("utf8");
  const end = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, Math.max(end, 0)).split("\n");
  if (header !== HEADER) throw malformed(`its first line must be ${HEADER}`);
  const extra = lines[0]?.startsWith("extra ") ? bytesOf(lines.shift()?.slice("extra ".length)) : Buffer.alloc(0);
  const [, digits] = /^index (0|[1-9]\d*)$/.exec(lines.shift() ?? "") ?? [];
  const index = Number(digits);
  if (extra === undefined || !Number.isSafeInteger(index))
    throw malformed("it must have a line `index`, a decimal, and before it at most a line `extra`, in base64");
  const hashes = lines.map((line) => bytesOf(line));
  if (hashes.length > MAX_HASHES || !hashes.every((hash) => hash?.length === EMPTY_ROOT.length))
    throw malformed(`it must have at most ${MAX_HASHES} lines of SHA-256 hashes, in base64`);
  return { extra, index, hashes: hashes.filter((hash) => hash !== undefined), checkpoint: text.slice(end + 2) };
}

function malformed(wanted: string): ProofError {
  return new ProofError("MALFORMED", `this is no tlog-proof: ${wanted}`);
}

/** Undefined unless it is base64, and not empty. */
function bytesOf(text = ""): Buffer | undefined {
  const bytes = base64Bytes(text);
  return bytes === undefined || bytes.length === 0 ? undefined : bytes;
}
