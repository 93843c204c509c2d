import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createChangeFilter } from "../async/changes.ts";
import type { AuditLog } from "../audit/event.ts";
import { durabilityHorizon } from "../audit/forward/forwarder.ts";
import type { Findings } from "../audit/forward/sink.ts";
import type { AuditPipeline, AuditReport } from "../audit/pipeline.ts";
import { startAuditThread } from "../audit-thread/start.ts";
import type { Config } from "../config/config.ts";
import { openDataFolder } from "../files/private-path.ts";
import type { Keks } from "../jose/kek.ts";
import { loadKeks } from "../jose/kek-source.ts";
import { recordKeysOf } from "../jose/key-vault.ts";
import { createInstallation, type Installation, OWN_INSTALLATION } from "../replica/installation.ts";
import { requireStateFile } from "../replica/state-file.ts";
import { openFileKeyValue } from "../state/file.ts";
import { startStateThread } from "../state-thread/start.ts";
import type { Log } from "./log.ts";
import type { Run } from "./run.ts";
import { openState } from "./state/open-state.ts";
import { isShared, type OwnStore, openOwnState } from "./state/own-state.ts";
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
  /** What was missing, and the operator accepted. */
  readonly acceptedLosses: readonly string[];
  readonly state: SharedState;
  readonly installation: Installation;
  readonly keks: Keks;
}

/**
 * Opens the data folder, the audit log, the state and the KEK, in this order: the audit log is open before any key is
 * created.
 *
 * @throws FileError, StartError, StateError, KekError or AuditError when what is stored can't be used or is missing.
 */
export async function openStorage({ config, machine, log, nameReplica, now, endings }: Run): Promise<Storage> {
  openDataFolder(config.data);
  let threadDeath: unknown;
  const openFile = openerOf(config, machine.stateThread, now, (error) => {
    threadDeath = error;
    log("error", { type: "store.failed", error });
  });
  const own = await openOwnState(config, machine.acceptLosses, randomUUID, openFile);
  endings.add((leftMs) => own.store.close(leftMs));
  if (own.writer !== undefined) nameReplica(own.writer);
  const settings = createStreamSettings((found) => log(levelOf(found), { type: "audit.settings", ...found }));
  const pipeline = await startAudit(config, machine, own.spoolInstallation, log, settings);
  endings.add((leftMs) => pipeline.stop(leftMs));
  nameReplica(pipeline.writer);
  if (own.newWriter) log("error", { type: "audit.new_writer", folder: join(config.data, "spool") });
  const acceptedLosses = [own.acceptedLoss, pipeline.acceptedLoss].filter((loss) => loss !== undefined);
  for (const loss of acceptedLosses) log("error", { type: "loss.accepted", loss });
  await own.settle((id) => pipeline.joinInstallation(id));
  const state = await openState(config, own, pipeline.writer, now, log, machine.sweeping);
  endings.add((leftMs) => state.stop(leftMs));
  const keks = await loadKeks(config.kek, await state.store.sealedBefore(), (file) =>
    log("warn", { type: "kek.created", file }),
  );
  const installation = isShared(config)
    ? createInstallation({
        store: state.store.rings,
        recordKeys: recordKeysOf(keks),
        known: own.spoolInstallation,
        newId: randomUUID,
        join: (id) => pipeline.joinInstallation(id),
        report: (event) => log(event.type === "installation.joined" ? "info" : "error", event),
      })
    : OWN_INSTALLATION;
  const auditSettings = () => settings.current;
  const fitness = requireStateFile(state.fitness, {
    async lookAsync() {
      if (threadDeath !== undefined) throw new Error("its thread has died: restart the service");
      return own.file.lookAsync();
    },
  });
  return {
    ...{ audit: machine.wrapAudit(pipeline), pipeline, auditSettings, acceptedLosses, installation, keks },
    state: { ...state, fitness },
  };
}

/** How the state of the data folder is opened, and so locked. With NATS it is read once, and needs no thread. */
function openerOf(
  config: Config,
  program: URL,
  now: () => number,
  onDeath: (error: unknown) => void,
): (path: string) => Promise<OwnStore> {
  if (isShared(config)) return (path) => openFileKeyValue(path, now);
  return (path) => startStateThread(path, now, onDeath, program);
}

/** Opens the spool of the data folder in a thread. Rejects with an AuditError. */
function startAudit(
  config: Config,
  { auditThread, acceptLosses }: Run["machine"],
  installation: string | undefined,
  log: Log,
  stream: StreamSettings,
): Promise<AuditPipeline> {
  const { nats } = config;
  const settings = {
    folder: join(config.data, "spool"),
    maxBytes: config.spoolMaxBytes,
    ...{ installation, acceptLosses },
    nats: nats && { url: nats.url, replicas: nats.replicas, horizonMs: durabilityHorizon(nats.syncInterval) },
  };
  const reportOthers = createAuditReporter(log);
  const report = (event: AuditReport) => (event.type === "audit.settings" ? stream.take(event) : reportOthers(event));
  const onFailure = (error: unknown) => log("error", { type: "audit.failed", error });
  return startAuditThread(settings, report, onFailure, auditThread);
}

function createAuditReporter(log: Log): (report: AuditReport) => void {
  const isNew = createChangeFilter();
  return (report) => {
    if (report.type === "audit.forwarding") isNew("");
    if (report.type === "audit.retrying" && !isNew(`${report.code} ${report.message}`)) return;
    const expected = report.type === "nats.up" || report.type === "audit.forwarding";
    log(expected ? "info" : "warn", report);
  };
}
