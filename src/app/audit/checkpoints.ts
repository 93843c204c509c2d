import { createChangeFilter } from "../../async/changes.ts";
import { endsWithin } from "../../async/timeout.ts";
import type { AuditLog } from "../../audit/event.ts";
import type { AuditPipeline } from "../../audit/pipeline.ts";
import type { AuditService } from "../../grpc/services/audit.ts";
import type { Keks } from "../../jose/kek.ts";
import { recordKeysOf } from "../../jose/key-vault.ts";
import type { SignatureCounts } from "../../keys/signature-counts.ts";
import { auditKeysUnavailable } from "../../problem/audit-problem.ts";
import { Problem } from "../../problem/problem.ts";
import { type AuditWriter, type AuditWriterState, createAuditWriters } from "../../replica/audit-writers.ts";
import { createRetireWriter } from "../../replica/retire-writer.ts";
import { isUnavailable, StateError } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";
import type { SharedState } from "../state/shared-state.ts";
import { createRegistration } from "./writer-registration.ts";

export interface CheckpointParts {
  readonly pipeline: AuditPipeline;
  readonly audit: AuditLog;
  readonly state: SharedState;
  readonly keks: Keks;
  readonly signatures: SignatureCounts;
  /** Resolves when the state can be used. */
  readonly opened: Promise<void>;
  /** How often a checkpoint is made while there are new events. */
  readonly everyMs: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  readonly stopping: AbortSignal;
}

/** What of the audit service is about the keys of logs. */
export type AuditKeyService = Omit<AuditService, "hashSubject">;

/** How many writers the installation has in each state. */
export type WriterCounts = Readonly<Record<AuditWriterState, number>>;

/** After so many checkpoints the writer is registered again: the state may have been lost. */
const REGISTER_EVERY = 10;
/** How long a caller waits until the new writer is registered. */
const REGISTER_MS = 5_000;

/**
 * Registers this replica's writer, then makes its checkpoints until the service stops. `writerCounts` gives the writers as
 * they were found at the last one; undefined before.
 */
export function startCheckpoints(
  parts: CheckpointParts,
): AuditKeyService & { readonly writerCounts: () => WriterCounts | undefined } {
  const { pipeline, audit, state, keks, signatures, opened, everyMs, now, log, stopping } = parts;
  const isNewStray = createChangeFilter();
  const writers = createAuditWriters({
    store: state.store.rings,
    recordKeys: recordKeysOf(keks),
    now,
    onStray(error) {
      if (isNewStray(error.message)) log("error", { type: "audit.key_stray", error });
    },
  });
  const register = createRegistration({ pipeline, writers, log, stopping });
  let counts: WriterCounts | undefined;
  void opened.then(begin, () => undefined);
  return {
    writerCounts: () => counts,
    listKeys: () => writers.list().catch(unreachable),
    checkpoint,
    rotateKey,
    retireWriter: createRetireWriter({
      writers,
      running: () => [pipeline.writer, ...state.peers.live().map(({ writer }) => writer)],
      audit,
      now,
    }),
  };

  async function begin(): Promise<void> {
    if (stopping.aborted) return;
    pipeline.onWriter(() => void register());
    await register();
    void count();
    let made = 0;
    const timer = setInterval(() => {
      if (++made % REGISTER_EVERY === 0) void register();
      void count();
      // What fails is reported by the thread, and the next one covers more.
      pipeline.checkpoint(signatures.snapshot(), false).catch(() => undefined);
    }, everyMs);
    timer.unref();
    stopping.addEventListener("abort", () => clearInterval(timer));
  }

  // Kept between checkpoints, so that a scrape never waits for the state.
  async function count(): Promise<void> {
    const states = await writers.list().then(
      (found) => found.map(({ state }) => state),
      () => undefined,
    );
    if (states !== undefined) counts = countsOf(states);
  }

  async function checkpoint() {
    const made = await pipeline.checkpoint(signatures.snapshot(), true).catch((cause) => {
      throw auditKeysUnavailable(cause, false);
    });
    if (made === undefined) throw noLog();
    return made;
  }

  async function rotateKey() {
    const before = pipeline.log;
    if (before === undefined) throw noLog();
    await pipeline.rotateKey(signatures.snapshot()).catch((cause) => {
      throw auditKeysUnavailable(cause, false);
    });
    // It goes on by itself; the answer says so.
    await endsWithin(REGISTER_MS, register());
    const closed = await writers.find(before.writer).catch(unreachable);
    const begun = await writers.find(pipeline.writer).catch(unreachable);
    return { closed: found(closed), begun: found(begun) };
  }
}

function countsOf(states: readonly AuditWriterState[]): WriterCounts {
  const count = (state: AuditWriterState) => states.filter((one) => one === state).length;
  return { active: count("active"), closed: count("closed"), retired: count("retired") };
}

function noLog(): Problem {
  return new Problem("AUDIT_KEYS_UNAVAILABLE", "this replica's audit log has no key", { retryAfterMs: 1_000 });
}

function found(writer: AuditWriter | undefined): AuditWriter {
  return writer ?? unreachable(new StateError("UNAVAILABLE", "the writer is not registered yet"));
}

function unreachable(error: unknown): never {
  throw auditKeysUnavailable(error, isUnavailable(error));
}
