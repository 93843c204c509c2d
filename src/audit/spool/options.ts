import type { OpenSpoolFile } from "./segment-file.ts";

export interface SpoolOptions {
  /** Owned by one process at a time; created with mode 0700. */
  readonly folder: string;
  /** The writer's id, `[A-Za-z0-9_-]{1,64}`; called once, when the folder is new. */
  readonly writer: () => string;
  /** A unique id for an event of this time in Unix milliseconds. */
  readonly newId: (time: number) => string;
  /**
   * Milliseconds of a monotonic clock: a wall clock that is set forward would make a segment that was just acknowledged
   * old enough to be trimmed. The values never leave the process.
   */
  readonly monotonic: () => number;
  /**
   * The total size of the segments, in bytes, at which token events are refused: 1 GiB by default, at least two
   * segments. Other events may exceed it by {@link RESERVE_BYTES}.
   */
  readonly maxBytes?: number;
  /** The size of a segment, in bytes, at which the next one begins: 8 MiB by default. */
  readonly segmentBytes?: number;
  /** The bytes of the latest bodies that stay in memory for the forwarder: 4 MiB by default. */
  readonly recentBytes?: number;
  readonly openFile?: OpenSpoolFile;
  /** Whether a forwarder reads the spool: what it has not acknowledged then stays open. No by default. */
  readonly forwarded?: boolean;
  /** The id of the installation that the spool belongs to; undefined while it is not known. */
  readonly installation?: string | undefined;
  /** What the operator accepts to be missing, e.g. `events:8-12`. */
  readonly acceptLosses?: readonly string[];
}

/**
 * The bytes that events other than token events may add to a full spool. Without this reserve a service could not
 * record its start; it would then never forward, and so never trim, the events that fill the spool.
 */
export const RESERVE_BYTES = 1024 ** 2;
