import type { ChainPlace } from "./place.ts";

/**
 * What is wrong with a log.
 *
 * - `EMPTY`: there is no event, so that nothing is proven.
 * - `UNREADABLE`: a body is neither an audit event nor a checkpoint.
 * - `HEADER_MISMATCH`: the subject or a header of a message says something else than its body.
 * - `GAP`: events are missing.
 * - `BROKEN_LINK`: an event does not link to the one before it. One of the two was altered, inserted or moved, or events
 *   at the end of an epoch are missing.
 * - `FORK`: two different events claim one place.
 * - `NO_BEGINNING`: the chain begins in the middle.
 * - `OLDER`: the log ends before the last event of an earlier run. It was cut, or restored from a backup.
 * - `OTHER_HISTORY`: the log has another event where an earlier run saw its last one.
 * - `LOG_INDEX`: an event has another index in its writer's log than its place gives.
 * - `CHECKPOINT_AHEAD`: a checkpoint covers more events than the log has.
 * - `CHECKPOINT_MISMATCH`: a checkpoint was made of other events than the log has.
 * - `BAD_SIGNATURE`: a checkpoint is not signed by the key that the policy has for its log.
 * - `UNKNOWN_LOG`: a log is not in the policy, or not with its key; or a writer is not in it, and no earlier run vouches for
 *   it.
 * - `COUNT_MISMATCH`: a writer counted other signatures than its log has events.
 * - `WRITER_LINK`: what writers say of the beginning and the end of their logs does not fit.
 */
export type LogFaultCode =
  | "EMPTY"
  | "UNREADABLE"
  | "HEADER_MISMATCH"
  | "GAP"
  | "BROKEN_LINK"
  | "FORK"
  | "NO_BEGINNING"
  | "OLDER"
  | "OTHER_HISTORY"
  | "LOG_INDEX"
  | "CHECKPOINT_AHEAD"
  | "CHECKPOINT_MISMATCH"
  | "BAD_SIGNATURE"
  | "UNKNOWN_LOG"
  | "COUNT_MISMATCH"
  | "WRITER_LINK";

/** One fault, and its place as far as it has one. Positions are those that the events were added with. */
export interface LogFault {
  readonly code: LogFaultCode;
  readonly message: string;
  readonly writer?: string;
  readonly place?: ChainPlace;
  readonly eventId?: string;
  readonly at?: number;
  /** The position of the other event that the fault concerns: the rival of a fork, the one before a broken link. */
  readonly otherAt?: number;
}

/** A fault of a writer. */
export interface Finding {
  readonly fault: LogFault;
  /** The first place that the chain proves no more because of it. Undefined where it proves as much as before. */
  readonly doubt: ChainPlace | undefined;
}

/** A fault at a place of a writer's chain. */
export function placedFault(
  { writer }: { readonly writer: string },
  code: LogFaultCode,
  place: ChainPlace,
  message: string,
): LogFault {
  return { code, message, writer, place };
}
