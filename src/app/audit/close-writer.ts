import { join } from "node:path";
import packageJson from "#package.json" with { type: "json" };
import { pause } from "../../async/timeout.ts";
import { AuditError } from "../../audit/event.ts";
import { readIdentity } from "../../audit/spool/identity.ts";
import type { WriterLog } from "../../audit/writer/log.ts";
import type { Config } from "../../config/config.ts";
import { createMetrics } from "../../http/metrics/metrics.ts";
import { loadKeks } from "../../jose/kek-source.ts";
import { recordKeysOf } from "../../jose/key-vault.ts";
import { type AuditWriters, createAuditWriters } from "../../replica/audit-writers.ts";
import { isUnavailable, type KeyValue } from "../../state/keyvalue.ts";
import { openOfflineStore } from "../keys/key-backup.ts";
import { createLog } from "../log.ts";
import { createRun, type Run } from "../run.ts";
import { openStorage, type Storage } from "../storage.ts";
import { registerLog } from "./writer-registration.ts";

export interface CloseWriterOptions {
  /** How long NATS may take to get what it does not have. */
  readonly waitMs: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Gets the lines of the log that are no mere information. */
  readonly stderr: { write(text: string): unknown };
  /** Told what is being done, in words for an operator. */
  readonly say: (doing: string) => void;
}

export interface ClosedWriter {
  readonly writer: string;
  /** Whether an earlier call has closed it. */
  readonly again: boolean;
  /**
   * The writer before, where the folder may not have all of its log, as when it was restored from an older copy: the end
   * of that log is not here, and nobody has recorded it.
   */
  readonly behind: string | undefined;
}

const POLL_MS = 250;

/**
 * Closes the audit log of a replica that was taken away for good, in its data folder: NATS gets every event that it does
 * not have, then the log its last event and its last checkpoint. The replica MUST have stopped. Nothing is closed until
 * NATS has all, and a call goes on where an earlier one was killed: so one that fails may be repeated.
 *
 * @throws as the start of the service, and AuditError UNAVAILABLE when NATS does not get all in time
 */
export async function closeWriter(config: Config, options: CloseWriterOptions): Promise<ClosedWriter> {
  const found = await closedBefore(config, options.now);
  if (found !== undefined) return found;
  const { version } = packageJson;
  const run = await createRun(
    { ...config, traces: undefined },
    { closingLog: true, now: options.now, log: createLog("warn", options.stderr, () => undefined) },
    // No token is signed or verified here.
    createMetrics({ version, node: process.versions.node, ed25519: "none" }),
  );
  try {
    return await close(run, await openStorage(run), options);
  } finally {
    await run.stop("WRITER_CLOSED");
  }
}

/** What an earlier call has closed. */
async function closedBefore(config: Config, now: () => number): Promise<ClosedWriter | undefined> {
  const spool = join(config.data, "spool");
  const identity = await readIdentity(spool);
  if (identity === undefined) throw new AuditError("UNAVAILABLE", `${spool}: there is no audit log`);
  const { store, close: closeStore } = await openOfflineStore(config, false, now);
  try {
    const { writer, log } = identity;
    const writers = writersOf(await keysOf(config), store, now);
    const found = await writers.find(writer);
    if (found?.state !== "closed") return undefined;
    return { writer, again: true, behind: await leftBehind(writers, log) };
  } finally {
    await closeStore();
  }
}

async function close(run: Run, storage: Storage, { waitMs, say }: CloseWriterOptions): Promise<ClosedWriter> {
  const { pipeline, installation, state, keks, signatures } = storage;
  const writers = writersOf(recordKeysOf(keks), state.store.rings, run.now);
  const untilDone = (what: string, isDone: () => Promise<boolean>) => {
    say(what);
    return until(performance.now() + waitMs, what, isDone, () => pipeline.forwardingObstacle);
  };
  await untilDone("forwarding events to NATS", async () => {
    await installation.check();
    return (await pipeline.depth()).events === 0;
  });
  await untilDone("publishing the end of the log", async () => {
    // Another log may have begun meanwhile: behind a checkpoint that the stream has.
    await register();
    return pipeline.closeLog(signatures.snapshot());
  });
  await untilDone("recording the end of the log", () => writers.end(pipeline.writer, "closed").then(() => true));
  return { writer: pipeline.writer, again: false, behind: await leftBehind(writers, pipeline.log) };

  async function register(): Promise<void> {
    const { log } = pipeline;
    if (log === undefined) throw new AuditError("UNAVAILABLE", "this audit log has no key");
    await registerLog(writers, log);
    pipeline.registered(log.writer);
  }
}

async function leftBehind(writers: AuditWriters, log: WriterLog | undefined): Promise<string | undefined> {
  if (log?.reason !== "BEHIND_CHECKPOINT") return undefined;
  const before = await writers.find(log.predecessor);
  return before?.state === "active" ? before.writer : undefined;
}

/**
 * Rejects when it is not done in time, with the obstacle as the reason where there is one. Of errors, only those of a
 * store or a log that is unavailable are waited out.
 */
async function until(
  endsAt: number,
  what: string,
  isDone: () => Promise<boolean>,
  obstacle: () => string | undefined,
): Promise<void> {
  for (;;) {
    let cause: unknown;
    const done = await isDone().catch((error) => {
      if (!isUnavailable(error) && !(error instanceof AuditError && error.code === "UNAVAILABLE")) throw error;
      cause = error;
      return false;
    });
    if (done) return;
    if (performance.now() > endsAt) {
      const reason = obstacle();
      throw new AuditError("UNAVAILABLE", `NATS took too long, while this was ${what}: nothing is lost, try again`, {
        cause: reason === undefined ? cause : new AuditError("UNAVAILABLE", reason, { cause }),
      });
    }
    await pause(POLL_MS);
  }
}

async function keysOf({ kek }: Config) {
  return recordKeysOf(await loadKeks({ ...kek, create: false }, false, () => undefined));
}

function writersOf(recordKeys: ReturnType<typeof recordKeysOf>, store: KeyValue, now: () => number): AuditWriters {
  return createAuditWriters({ store, recordKeys, now, onStray: () => undefined });
}
