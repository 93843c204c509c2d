import { EMPTY_ROOT, type TreeHash } from "../tree/hash.ts";
import { base64Bytes } from "./base64.ts";
import { NoteError } from "./note.ts";

/** What a writer states of its log (C2SP tlog-checkpoint): the first `size` events have this tree hash. */
export interface Checkpoint {
  /** `<host of the issuer>/audit/<writer>`. */
  readonly origin: string;
  readonly size: number;
  readonly root: TreeHash;
}

/** The text of the note. It has no extension lines. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString("base64")}\n`;
}

/** Reads the text of a note. Throws a {@link NoteError} MALFORMED. Extension lines are ignored, as the format allows. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size = "", root = ""] = text.split("\n");
  const hash = base64Bytes(root);
  if (
    !origin ||
    !/^(?:0|[1-9]\d*)$/.test(size) ||
    !Number.isSafeInteger(Number(size)) ||
    hash?.length !== EMPTY_ROOT.length
  )
    throw new NoteError("MALFORMED", "a checkpoint must be an origin, a size and the hash of a tree, a line each");
  return { origin, size: Number(size), root: hash };
}
