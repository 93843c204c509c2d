import type { AuditLog } from "./event.ts";
import type { ForwarderReport } from "./forward/forwarder.ts";
import type { Cut } from "./spool/recovery.ts";
import type { Depth } from "./spool/retention.ts";

/** The audit log as the service sees it: events are chained, stored in the spool and forwarded to NATS. */
export interface AuditPipeline extends AuditLog {
  /**
   * What events of tokens wait for, human-readable; undefined while they can be stored. Unless it is only the size of
   * the spool, every append is refused at once meanwhile.
   */
  readonly obstacle: string | undefined;
  /** Sets the one listener for changes of `obstacle`: it is called before the append that failed is rejected. */
  onObstacle(listener: () => void): void;
  /** Examines the storage now. Resolves when `obstacle` says what was found. Never rejects. */
  look(): Promise<void>;
  /** Who writes the events: the name of this replica. */
  readonly writer: string;
  /** What was missing when the log was opened, and the operator accepted, e.g. `events:8-12`. */
  readonly acceptedLoss: string | undefined;
  /** Durably records the installation that the log belongs to. Rejects with UNAVAILABLE. */
  joinInstallation(id: string): Promise<void>;
  depth(): Promise<Depth>;
  /**
   * Makes all appended events durable, forwards them for at most `deadlineMs`, and ends. Rejects with UNAVAILABLE when
   * the storage hangs: the latest events may then not be durable.
   */
  stop(deadlineMs: number): Promise<void>;
}

/** Where events are stored and where they are sent. Plain data, because it is passed to another thread. */
export interface AuditSettings {
  readonly folder: string;
  readonly maxBytes: number;
  /** The installation that the spool is known to belong to. */
  readonly installation: string | undefined;
  /** What the operator accepts to be missing, e.g. `events:8-12`. */
  readonly acceptLosses: readonly string[];
  /** When undefined, events stay in the spool. */
  readonly nats: { readonly url: string; readonly replicas: number; readonly horizonMs: number } | undefined;
}

/** What the pipeline reports to the service's log. */
export type AuditReport =
  | ForwarderReport
  | ({ readonly type: "audit.cut" } & Cut)
  | { readonly type: "nats.up"; readonly server: string }
  | { readonly type: "nats.down"; readonly message: string };
