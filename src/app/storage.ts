import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createChangeFilter } from "../async/changes.ts";
import type { AuditLog } from "../audit/event.ts";
import { durabilityHorizon } from "../audit/forward/forwarder.ts";
import type { Findings, StreamUsage } from "../audit/forward/sink.ts";
import type { AuditPipeline, AuditReport } from "../audit/pipeline.ts";
import { startAuditThread } from "../audit-thread/start.ts";
import { prepareWriterKeys } from "../audit-thread/writer-keys.ts";
import type { Config } from "../config/config.ts";
import { openDataFolder } from "../files/private-path.ts";
import type { Keks } from "../jose/kek.ts";
import { loadKeks } from "../jose/kek-source.ts";
import { recordKeysOf } from "../jose/key-vault.ts";
import { SignatureCounts } from "../keys/signature-counts.ts";
import type { CertificateValidity, NatsAccess } from "../nats/access.ts";
import { createInstallation, type Installation, OWN_INSTALLATION } from "../replica/installation.ts";
import { requireStateFile } from "../replica/state-file.ts";
import { type FileUse, LIVE_FILE, openFileKeyValue } from "../state/file.ts";
import { type StateThread, startStateThread } from "../state-thread/start.ts";
import type { Run } from "./run.ts";
import { openState, sealedBefore } from "./state/open-state.ts";
import { isShared, type OwnStore, openOwnState } from "./state/own-state.ts";
import type { SharedState } from "./state/shared-state.ts";
import { createStreamSettings, levelOf, type StreamSettings } from "./stream-settings.ts";
import { traceAudit } from "./traces/traced.ts";

/** A checkpoint in the stream, and when it came there, in Unix milliseconds. */
interface PublishedCheckpoint {
  readonly size: number;
  readonly at: number;
}

/** What the service reads and writes. */
export interface Storage {
  /** Where the service appends its events. */
  readonly audit: AuditLog;
  /** The same log with its depth and its health. */
  readonly pipeline: AuditPipeline;
  /** Of the audit stream. */
  readonly auditSettings: () => Findings;
  /** Of the audit stream at its last inspection; undefined before it, and without NATS. */
  readonly streamUsage: () => StreamUsage | undefined;
  /** Of the certificate for NATS that is in use; undefined without one. */
  readonly natsCertificate: () => CertificateValidity | undefined;
  /** The last one of this log that was published since the start. */
  readonly checkpoint: () => PublishedCheckpoint | undefined;
  /** What was missing, and the operator accepted. */
  readonly acceptedLosses: readonly string[];
  readonly state: SharedState;
  readonly installation: Installation;
  readonly keks: Keks;
  /** What the keys of this process have signed. */
  readonly signatures: SignatureCounts;
}

/**
 * Opens the data folder, the KEK, the audit log and the state, in this order: the audit log is open before any key of
 * tokens is created, and its own key is sealed under the KEK.
 *
 * @throws FileError, StartError, StateError, KekError or AuditError when what is stored can't be used or is missing.
 */
export async function openStorage(run: Run): Promise<Storage> {
  const { config, machine, log, nameReplica, now, endings, tracing } = run;
  openDataFolder(config.data);
  // Each thread reads them again, and watches them: here a fault stops the start, before anything is created.
  let natsCertificate = config.nats && (await readNatsCertificate(config.nats.access));
  let threadDeath: unknown;
  const openFile = openerOf(config, machine.stateThread, now, (error) => {
    threadDeath = error;
    log("error", { type: "store.failed", error });
  });
  const own = await openOwnState(config, machine.acceptLosses, randomUUID, openFile);
  endings.add((leftMs) => own.store.close(leftMs));
  if (own.writer !== undefined) nameReplica(own.writer);
  let createdKek: string | undefined;
  const keks = await loadKeks(config.kek, await sealedBefore(config, own), (file) => {
    createdKek = file;
  });
  await prepareWriterKeys(join(config.data, "spool"), keks, own.acceptedLoss !== undefined);
  const settings = createStreamSettings((found) => log(levelOf(found), { type: "audit.settings", ...found }));
  let streamUsage: StreamUsage | undefined;
  let published: PublishedCheckpoint | undefined;
  const report = createAuditReporter(run, settings, {
    onRenewed(certificate) {
      natsCertificate = certificate;
    },
    onUsage(usage) {
      streamUsage = usage;
    },
    onCheckpoint({ size }) {
      published = { size, at: now() };
    },
  });
  const signatures = new SignatureCounts();
  const pipeline = await startAudit(run, own.spoolInstallation, keks, report, signatures).finally(() => {
    // Only now: each line has the name of the replica, which a new one gets with its audit log.
    if (createdKek !== undefined) log("warn", { type: "kek.created", file: createdKek });
  });
  endings.add((leftMs) => pipeline.stop(leftMs, signatures.snapshot()));
  nameReplica(pipeline.writer);
  tracing?.name(pipeline.writer);
  if (own.newWriter) log("error", { type: "audit.new_writer", folder: join(config.data, "spool") });
  const acceptedLosses = [own.acceptedLoss, pipeline.acceptedLoss].filter((loss) => loss !== undefined);
  for (const loss of acceptedLosses) log("error", { type: "loss.accepted", loss });
  await own.settle((id) => pipeline.joinInstallation(id));
  const openLive = () => openFile(join(config.data, "state", "live.db"), LIVE_FILE);
  const state = await openState(config, own, openLive, () => pipeline.writer, now, log, machine.sweeping);
  endings.add((leftMs) => state.stop(leftMs));
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
    natsCertificate: () => natsCertificate,
    streamUsage: () => streamUsage,
    checkpoint: () => published,
    ...{
      audit: traceAudit(machine.wrapAudit(pipeline), tracing),
      pipeline,
      auditSettings,
      acceptedLosses,
      installation,
      keks,
      signatures,
    },
    state: { ...state, fitness },
  };
}

/** The code for NATS, a tenth of what a start loads otherwise, is imported only where there are files to read. */
async function readNatsCertificate(access: NatsAccess): Promise<CertificateValidity | undefined> {
  if (Object.values(access.files).every((file) => file === undefined)) return undefined;
  const { certificateValidity, readNatsFiles } = await import("../nats/access.ts");
  return certificateValidity(access, await readNatsFiles(access));
}

/** How the state of the data folder is opened, and so locked. With NATS it is read once, and needs no thread. */
function openerOf(
  config: Config,
  program: URL,
  now: () => number,
  onDeath: (error: unknown) => void,
): (path: string, use?: FileUse) => Promise<OwnStore> {
  if (isShared(config)) return (path, use) => openFileKeyValue(path, now, use);
  let thread: StateThread | undefined;
  return (path, use) => {
    thread ??= startStateThread(now, onDeath, program);
    return thread.open(path, use);
  };
}

/** Opens the spool of the data folder in a thread. Rejects with an AuditError. */
function startAudit(
  { config, machine, log }: Run,
  installation: string | undefined,
  keks: Keks,
  report: (report: AuditReport) => void,
  signatures: SignatureCounts,
): Promise<AuditPipeline> {
  const { nats } = config;
  const { auditThread, acceptLosses, closingLog: closing } = machine;
  const settings = {
    folder: join(config.data, "spool"),
    traced: config.traces !== undefined,
    maxBytes: config.spoolMaxBytes,
    ...{ installation, acceptLosses, closing },
    log: { host: new URL(config.effective.issuer).host, keks },
    nats: nats && { access: nats.access, replicas: nats.replicas, horizonMs: durabilityHorizon(nats.syncInterval) },
  };
  const onFailure = (error: unknown) => log("error", { type: "audit.failed", error });
  return startAuditThread(settings, report, onFailure, auditThread, {}, (event) => {
    if (event.type === "token.issued") signatures.unrecorded(event.keyId);
  });
}

const EXPECTED: readonly AuditReport["type"][] = ["nats.up", "nats.renewed", "audit.forwarding"];
const ALARMING: readonly AuditReport["type"][] = ["audit.miscounted", "audit.key_lost"];

/** After these the log of the writer before is not whole. */
const BROKEN: readonly string[] = ["LOSS_ACCEPTED", "BEHIND_CHECKPOINT"];

interface ReportListeners {
  readonly onRenewed: (certificate: CertificateValidity | undefined) => void;
  readonly onUsage: (usage: StreamUsage) => void;
  readonly onCheckpoint: (published: { readonly size: number }) => void;
}

/** Logs what the audit thread reports, and passes on what the service remembers of it. */
function createAuditReporter(
  { log, tracing, nameReplica }: Run,
  stream: StreamSettings,
  { onRenewed, onUsage, onCheckpoint }: ReportListeners,
): (report: AuditReport) => void {
  const isNew = createChangeFilter();
  const isNewFailure = createChangeFilter();
  return (report) => {
    if (report.type === "audit.published") return tracing?.published(report.publications);
    if (report.type === "audit.usage") return onUsage(report.usage);
    if (report.type === "audit.checkpoint") {
      isNewFailure("");
      return onCheckpoint(report);
    }
    if (report.type === "audit.checkpoint_failed" && !isNewFailure(report.message)) return;
    if (report.type === "audit.settings") return stream.take(report);
    if (report.type === "nats.renewed") onRenewed(report.certificate);
    if (report.type === "audit.forwarding") isNew("");
    if (report.type === "audit.retrying" && !isNew(`${report.code} ${report.message}`)) return;
    if (report.type === "audit.writer") nameReplica(report.writer);
    log(severityOf(report), report);
  };
}

function severityOf(report: AuditReport): "info" | "warn" | "error" {
  if (report.type === "audit.writer") return BROKEN.includes(report.reason) ? "warn" : "info";
  if (ALARMING.includes(report.type)) return "error";
  return EXPECTED.includes(report.type) ? "info" : "warn";
}
