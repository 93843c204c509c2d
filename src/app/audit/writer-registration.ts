import { pause } from "../../async/timeout.ts";
import type { AuditPipeline } from "../../audit/pipeline.ts";
import type { WriterLog } from "../../audit/writer/log.ts";
import type { AuditWriters } from "../../replica/audit-writers.ts";
import type { Log } from "../log.ts";

export interface RegistrationParts {
  readonly pipeline: Pick<AuditPipeline, "log" | "registered">;
  readonly writers: Pick<AuditWriters, "register" | "end">;
  readonly log: Log;
  readonly stopping: AbortSignal;
  /** The pause after a failure, in milliseconds. Default: 1 s. */
  readonly retryMs?: number;
}

/**
 * Registers the log that this replica writes now, and lets it sign. Resolves when it is registered, or the service
 * stops, however long that takes. Never rejects.
 */
export type Register = () => Promise<void>;

const RETRY_MS = 1_000;

/**
 * Creates what registers this replica's log. It tries again while the state can't be written: without the key no auditor
 * could check a checkpoint. One registration runs at a time: an earlier one that ended late would undo a later one's.
 */
export function createRegistration(parts: RegistrationParts): Register {
  const { pipeline, writers, log, stopping, retryMs = RETRY_MS } = parts;
  let running: Promise<void> | undefined;
  let isDue = false;
  return register;

  function register(): Promise<void> {
    isDue = true;
    running ??= run().finally(() => {
      running = undefined;
      if (isDue && !stopping.aborted) void register();
    });
    return running;
  }

  async function run(): Promise<void> {
    let failed = false;
    while (isDue && !stopping.aborted) {
      isDue = false;
      try {
        await registerCurrent();
      } catch (error) {
        isDue = true;
        if (!failed) log("warn", { type: "audit.key_unregistered", error });
        failed = true;
        await pause(retryMs, stopping);
      }
    }
  }

  async function registerCurrent(): Promise<void> {
    const current = pipeline.log;
    if (current === undefined) return;
    await registerLog(writers, current);
    if (pipeline.log?.writer === current.writer) pipeline.registered(current.writer);
    else isDue = true;
  }
}

/** Registers a log, and the end of the one before it where that has its last event: a crash may have come in between. */
export async function registerLog(
  writers: Pick<AuditWriters, "register" | "end">,
  { writer, origin, verifierKey, reason, predecessor }: WriterLog & { readonly writer: string },
): Promise<void> {
  await writers.register({ writer, origin, verifierKey });
  // With any other reason the one before was left as it was.
  if (predecessor !== "" && (reason === "KEY_ROTATED" || reason === "NEW")) await writers.end(predecessor, "closed");
}
