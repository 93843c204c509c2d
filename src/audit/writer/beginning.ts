import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { OpeningReason } from "../events/writer.ts";
import { type Identity, isWriter } from "../spool/identity.ts";
import type { Recovered } from "../spool/recovery.ts";
import { closingIn, type LogKey, type Successor } from "./log.ts";

/** Why a new writer begins in a spool that is opened. */
export interface Beginning {
  readonly reason: OpeningReason;
  /** The id of the new writer, where the old one's last event names it. */
  readonly writer: string | undefined;
  /** Whether the old one's last event is in the spool. */
  readonly isClosed: boolean;
  /** Whether that event says that the old one was closed for good. */
  readonly isForGood: boolean;
}

/** What a spool's folder holds when it is opened. `checkpoint` is the last one of this writer. */
export interface Found extends Pick<Recovered, "accepted" | "end" | "last" | "isOther"> {
  readonly identity: Identity | undefined;
  readonly checkpoint: Checkpoint | "damaged" | undefined;
}

/** Undefined: the writer of the spool goes on. `hasKeys`: a log has a key. */
export function beginningOf(found: Found, hasKeys: boolean): Beginning | undefined {
  const { identity } = found;
  if (identity === undefined) return newWriter("NEW");
  if (identity.edge === undefined || (identity.log === undefined && hasKeys)) return newWriter("UPGRADED");
  if (found.accepted !== undefined) return newWriter("LOSS_ACCEPTED");
  if (isBehind(found)) return newWriter("BEHIND_CHECKPOINT");
  const closing = found.last && closingIn(found.last, identity.writer);
  if (closing === undefined) return undefined;
  const isForGood = closing.reason !== "KEY_ROTATED";
  const writer = isWriter(closing.successor) ? closing.successor : undefined;
  return { reason: isForGood ? "NEW" : "KEY_ROTATED", writer, isClosed: true, isForGood };
}

/** The writer that begins with a log of this key. */
export function successorOf(
  writer: string,
  key: LogKey | undefined,
  reason: OpeningReason,
  before: Pick<Identity, "writer" | "log"> | undefined,
): Successor {
  const predecessor = before?.writer ?? "";
  const log = key && { ...key, reason, predecessor, predecessorOrigin: before?.log?.origin ?? "" };
  return { writer, log };
}

function newWriter(reason: OpeningReason): Beginning {
  return { reason, writer: undefined, isClosed: false, isForGood: false };
}

// A log that went on from fewer events than its checkpoint states would have two histories. Of one that can't be read
// nothing is known, and a new writer costs little.
function isBehind({ checkpoint, end, isOther }: Found): boolean {
  if (checkpoint === undefined) return false;
  return checkpoint === "damaged" || isOther || checkpoint.size > end.edge.size;
}
