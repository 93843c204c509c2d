import type { AuditLog } from "./event.ts";
import type { ForwarderReport } from "./forward/forwarder.ts";
import type { Cut } from "./spool/recovery.ts";
import type { Depth } from "./spool/spool.ts";

/** All of the audit behind one door: the chain, the spool and the way to NATS. */
export interface AuditPipeline extends AuditLog {
  /** False when it has ended of itself: then nothing is appended any more. */
  readonly running: boolean;
  depth(): Promise<Depth>;
  /**
   * Makes everything durable that was appended, forwards it as long as that works, at most for `deadlineMs`, and ends.
   * Rejects with UNAVAILABLE when the storage hangs: then what was appended last may not be durable.
   */
  stop(deadlineMs: number): Promise<void>;
}

/** Where the audit keeps its events and where it sends them. Plain data: it crosses to another thread. */
export interface AuditSettings {
  readonly folder: string;
  readonly maxBytes: number;
  /** Undefined: events stay in the spool. */
  readonly nats: { readonly url: string; readonly replicas: number; readonly horizonMs: number } | undefined;
}

/** What the audit tells the log. */
export type AuditReport =
  | ForwarderReport
  | ({ readonly type: "audit.cut" } & Cut)
  | { readonly type: "nats.up"; readonly server: string }
  | { readonly type: "nats.down"; readonly message: string };
