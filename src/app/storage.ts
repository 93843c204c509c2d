import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { AuditLog } from "../audit/event.ts";
import { durabilityHorizon } from "../audit/forward/forwarder.ts";
import type { Findings } from "../audit/forward/sink.ts";
import type { AuditPipeline, AuditReport } from "../audit/pipeline.ts";
import { startAuditThread } from "../audit-thread/start.ts";
import type { Config } from "../config/config.ts";
import type { Keks } from "../jose/kek.ts";
import { loadKeks } from "../jose/kek-source.ts";
import { openFileKeyValue } from "../state/file.ts";
import { startStateThread } from "../state-thread/start.ts";
import type { Log } from "./log.ts";
import type { Run } from "./run.ts";
import { openState } from "./state/open-state.ts";
import type { SharedState } from "./state/shared-state.ts";
import { createStreamSettings, levelOf, type StreamSettings } from "./stream-settings.ts";

/** What the service reads and writes. */
export interface Storage {
  /** Where the service appends its events. */
  readonly audit: AuditLog;
  /** The same log with its depth and its health. */
  readonly pipeline: AuditPipeline;
  /** Of the audit stream. */
  readonly auditSettings: () => Findings;
  readonly state: SharedState;
  readonly keks: Keks;
}

/**
 * Opens the data folder, the audit log, the state and the KEK, in this order: the audit log is open before any key is
 * created.
 *
 * @throws StateError, KekError or AuditError when what is stored can't be used.
 */
export async function openStorage({ config, machine, log, now, endings }: Run): Promise<Storage> {
  await mkdir(config.data, { recursive: true, mode: 0o700 });
  const own = await openOwnState(config, machine.stateThread, log, now);
  endings.add((leftMs) => own.close(leftMs));
  const settings = createStreamSettings((found) => log(levelOf(found), { type: "audit.settings", ...found }));
  const pipeline = await startAudit(config, machine.auditThread, log, settings);
  endings.add((leftMs) => pipeline.stop(leftMs));
  const state = await openState(config, own, now, log, machine.sweeping);
  endings.add((leftMs) => state.stop(leftMs));
  const keks = await loadKeks(config.kek, await state.store.sealedBefore(), (file) =>
    log("warn", { type: "kek.created", file }),
  );
  return { audit: machine.wrapAudit(pipeline), pipeline, auditSettings: () => settings.current, state, keks };
}

/** Opens the state of the data folder, and so locks the folder. With NATS it is read once, and needs no thread. */
function openOwnState({ data, nats, state }: Config, program: URL, log: Log, now: () => number) {
  const path = join(data, "state", "state.db");
  if (state.store !== "file" && nats !== undefined) return openFileKeyValue(path, now);
  const onDeath = (error: unknown) => log("error", { type: "store.failed", error });
  return startStateThread(path, now, onDeath, program);
}

/** Opens the spool of the data folder in a thread that runs `program`. Rejects with an AuditError. */
function startAudit(config: Config, program: URL, log: Log, stream: StreamSettings): Promise<AuditPipeline> {
  const { nats } = config;
  const settings = {
    folder: join(config.data, "spool"),
    maxBytes: config.spoolMaxBytes,
    nats: nats && { url: nats.url, replicas: nats.replicas, horizonMs: durabilityHorizon(nats.syncInterval) },
  };
  const report = (event: AuditReport) =>
    event.type === "audit.settings" ? stream.take(event) : reportAudit(event, log);
  const onFailure = (error: unknown) => log("error", { type: "audit.failed", error });
  return startAuditThread(settings, report, onFailure, program);
}

function reportAudit(report: AuditReport, log: Log): void {
  const expected = report.type === "nats.up" || report.type === "audit.forwarding";
  log(expected ? "info" : "warn", report);
}
