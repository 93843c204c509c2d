import type { Publication } from "../trace/call-trace.ts";
import type { AuditLog } from "./event.ts";
import type { KeyCount } from "./events/signatures.ts";
import type { OpeningReason } from "./events/writer.ts";
import type { ForwarderReport } from "./forward/forwarder.ts";
import type { StreamUsage } from "./forward/sink.ts";
import type { Cut } from "./spool/recovery.ts";
import type { Depth } from "./spool/retention.ts";
import type { WriterLog } from "./writer/log.ts";

/** The audit log as the service sees it: events are chained, stored in the spool and forwarded to NATS. */
export interface AuditPipeline extends AuditLog {
  /**
   * What events of tokens wait for, human-readable; undefined while they can be stored. Unless it is only the size of
   * the spool, every append is refused at once meanwhile.
   */
  readonly obstacle: string | undefined;
  /** Sets the one listener for changes of `obstacle`: it is called before the append that failed is rejected. */
  onObstacle(listener: () => void): void;
  /** Why NATS would not acknowledge an event in time, human-readable; undefined: it is worth trying. */
  readonly forwardingObstacle: string | undefined;
  /** Examines the storage now. Resolves when `obstacle` says what was found. Never rejects. */
  look(): Promise<void>;
  /** Who writes the events: the name of this replica. It changes where a new log has to begin. */
  readonly writer: string;
  /** What was missing when the log was opened, and the operator accepted, e.g. `events:8-12`. */
  readonly acceptedLoss: string | undefined;
  /** Durably records the installation that the log belongs to. Rejects with UNAVAILABLE. */
  joinInstallation(id: string): Promise<void>;
  depth(): Promise<Depth>;
  /** How auditors know the log of the writer. Undefined: it has no key. */
  readonly log: (WriterLog & { readonly writer: string }) | undefined;
  /** Sets the one listener that is called when another writer has begun. */
  onWriter(listener: () => void): void;
  /** The key of this writer's log is in the state that replicas share: it may sign from now on. */
  registered(writer: string): void;
  /**
   * Makes a checkpoint of the log over all events that are durable. `counts` are of what was signed until now. Undefined
   * where nothing is new and it was not `asked` for. Rejects with UNAVAILABLE while the log's key is not registered.
   */
  checkpoint(counts: SignedCounts, asked: boolean): Promise<MadeCheckpoint | undefined>;
  /** Closes the log, and begins a new one with a new key. Rejects with UNAVAILABLE. */
  rotateKey(counts: SignedCounts): Promise<void>;
  /**
   * Closes the log for good: nothing can be appended to it. Resolves with whether NATS has all of it, its last checkpoint
   * too; to call this again waits for the rest. Rejects with UNAVAILABLE.
   */
  closeLog(counts: SignedCounts): Promise<boolean>;
  /**
   * Makes all appended events durable, forwards them for at most `deadlineMs`, with a checkpoint over all, and ends.
   * Rejects with UNAVAILABLE when the storage hangs: the latest events may then not be durable.
   */
  stop(deadlineMs: number, counts?: SignedCounts): Promise<void>;
}

/** What the thread that signs has counted of a key. It knows nothing of what becomes of an event that it has sent. */
export interface SignedCount {
  readonly signed: number;
  readonly selfTests: number;
  /** Signatures of tokens whose events were never sent. */
  readonly unrecorded: number;
}

/** By the `kid` of the key. */
export type SignedCounts = ReadonlyMap<string, SignedCount>;

/** A checkpoint, and whether NATS has it. */
export interface MadeCheckpoint {
  readonly note: string;
  readonly published: boolean;
}

/** What the pipeline reports: all of it to the service's log, but `audit.published` to its traces and `audit.usage` to its
 * metrics. */
export type AuditReport =
  | { readonly type: "audit.published"; readonly publications: readonly Publication[] }
  | { readonly type: "audit.usage"; readonly usage: StreamUsage }
  | ForwarderReport
  | ({ readonly type: "audit.cut" } & Cut)
  | {
      readonly type: "audit.writer";
      readonly writer: string;
      readonly reason: OpeningReason;
      /** Empty where there is none. */
      readonly predecessor: string;
    }
  | { readonly type: "audit.checkpoint"; readonly size: number }
  | { readonly type: "audit.checkpoint_failed"; readonly message: string }
  | ({ readonly type: "audit.miscounted" } & KeyCount)
  | { readonly type: "audit.key_lost"; readonly writer: string }
  | {
      readonly type: "nats.up" | "nats.renewed";
      readonly server: string;
      /** Of this client, in RFC 3339 format; `nats.renewed` has it, where there is one. */
      readonly certificate?: { readonly notBefore: string; readonly expires: string } | undefined;
    }
  | { readonly type: "nats.down" | "nats.not_renewed"; readonly message: string };
