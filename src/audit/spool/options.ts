import type { AuditEvent, Place } from "../event.ts";
import type { OpeningReason } from "../events/writer.ts";
import type { LogKey } from "../writer/log.ts";
import type { Checkpointable } from "../writer/tip.ts";
import type { OpenSpoolFile } from "./segment-file.ts";

export interface SpoolOptions {
  /** Owned by one process at a time; created with mode 0700. */
  readonly folder: string;
  /**
   * A new writer's id, `[A-Za-z0-9_-]{1,64}`, which no other has had. Called when a writer begins: in a new folder, behind
   * the events of a version without logs, behind events that are lost, and with a new key.
   */
  readonly writer: () => string;
  /**
   * The origin and the verifier key of the log of a writer that is about to begin. What it resolves with, and the private
   * key, MUST be durable by then. Called again for the same writer after a crash it MUST answer the same. Undefined: logs
   * have no key, and their writers neither writer.opened nor writer.closed.
   */
  readonly logKey?: ((writer: string) => Promise<LogKey>) | undefined;
  /**
   * Called when the last event of a log is durable, before the next log begins: for its last checkpoint. While it rejects
   * the next log does not begin, and nothing can be appended: it is called again before each append, and after a crash.
   */
  readonly onClosed?: (log: Checkpointable) => Promise<void>;
  /** Called when another writer has begun. `predecessor` is the one before; empty where there is none. MUST NOT throw. */
  readonly onWriter?: (writer: string, reason: OpeningReason, predecessor: string) => void;
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
  /** Called with the events of each group as soon as it is durable, and the place of the last one. MUST NOT throw. */
  readonly onStored?: (events: readonly AuditEvent[], place: Pick<Place, "writer" | "epoch">) => void;
  /** The id of the installation that the spool belongs to; undefined while it is not known. */
  readonly installation?: string | undefined;
  /** What the operator accepts to be missing, e.g. `events:8-12`. */
  readonly acceptLosses?: readonly string[];
  /**
   * Whether the spool is opened to close its log: one that is closed for good then stays as it is. Default: false; another
   * log begins.
   */
  readonly closing?: boolean;
}

/**
 * The bytes that events other than token events may add to a full spool. Without this reserve a service could not
 * record its start; it would then never forward, and so never trim, the events that fill the spool.
 */
export const RESERVE_BYTES = 1024 ** 2;
