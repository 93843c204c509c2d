import { randomUUID } from "node:crypto";
import { AuditError } from "../audit/event.ts";
import { createUuidV7Generator } from "../audit/event-id.ts";
import type { AuditPipeline, AuditReport } from "../audit/pipeline.ts";
import { openSpool } from "../audit/spool/open.ts";
import type { OpenSpoolFile } from "../audit/spool/segment-file.ts";
import type { Spool } from "../audit/spool/spool.ts";
import type { WriterLog } from "../audit/writer/log.ts";
import { KeyringError } from "../keys/error.ts";
import { signClosing } from "./checkpointer.ts";
import type { ForwardingAdapters, startForwarding } from "./forwarding.ts";
import type { AuditSettings } from "./messages.ts";
import { type Proofs, type ProofsOptions, startProofs } from "./proofs.ts";
import { Tally } from "./tally.ts";
import { WriterKeys } from "./writer-keys.ts";

/** The pipeline's access to disk and network, and the clock by which a log is idle, which tests replace. */
export interface AuditAdapters extends ForwardingAdapters, Partial<Pick<ProofsOptions, "monotonic">> {
  readonly openSpoolFile?: OpenSpoolFile;
}

/** The pipeline as its own thread sees it. */
export type OpenPipeline = Pick<
  Spool,
  | "append"
  | "appendAll"
  | "last"
  | "followed"
  | "writer"
  | "acceptedLoss"
  | "joinInstallation"
  | "depth"
  | "examine"
  | "full"
> &
  Pick<AuditPipeline, "registered" | "checkpoint" | "rotateKey" | "closeLog" | "stop"> & {
    readonly log: WriterLog | undefined;
  };

/** How long the last checkpoint may take to be published, even if the events have used up the time. */
const LAST_NOTE_MS = 200;

const monotonic = () => performance.now();

/**
 * Opens the spool and starts to forward its events to NATS, whether NATS is reachable or not. Throws an AuditError, and
 * the StartError NATS_FILES.
 */
export async function openAuditPipeline(
  { nats, traced, log, ...settings }: AuditSettings,
  report: (report: AuditReport) => void,
  { openSpoolFile, monotonic: idleClock = monotonic, ...forwarding }: AuditAdapters = {},
  onWriter: (writer: string, log: WriterLog | undefined) => void = () => {},
): Promise<OpenPipeline> {
  const { folder } = settings;
  const keys = log && new WriterKeys(folder, log.host, log.keks);
  const tally = new Tally();
  const reportDamaged = (error: Error): undefined => {
    if (!(error instanceof KeyringError)) throw error;
    report({ type: "audit.checkpoint_failed", message: error.message });
  };
  let proofs: Proofs | undefined;
  let opened: Spool | undefined;
  const spool = await openSpool({
    ...settings,
    writer: randomUUID,
    logKey: keys && ((writer) => keys.logOf(writer)),
    onWriter(writer, reason, predecessor) {
      report({ type: "audit.writer", writer, reason, predecessor });
      if (opened !== undefined) onWriter(writer, opened.log);
    },
    async onClosed(closed) {
      // Before `proofs` is there, it will find the note in the folder. A key that is damaged will not be whole later.
      const note = await (keys && signClosing(folder, keys, closed).catch(reportDamaged));
      if (note !== undefined) proofs?.offer(note);
    },
    onStored: (events, place) => tally.stored(events, place),
    newId: createUuidV7Generator(),
    monotonic,
    forwarded: nats !== undefined,
    ...(openSpoolFile === undefined ? {} : { openFile: openSpoolFile }),
  });
  if (spool.cut !== undefined) report({ type: "audit.cut", ...spool.cut });
  opened = spool;
  const forwarder = nats && (await forward({ ...nats, traced }, spool, report, forwarding));
  const clocks = { now: Date.now, monotonic: idleClock, random: Math.random };
  const sink = forwarder?.notes;
  const inspected = () => forwarder?.inspected ?? 0;
  if (keys !== undefined)
    try {
      proofs = await startProofs({ ...clocks, spool, folder, keys, tally, sink, inspected, report });
    } catch (error) {
      await forwarder?.stop(0);
      await forwarder?.close();
      await spool.close().catch(() => undefined);
      throw error;
    }
  return {
    append: (event, time) => spool.append(event, time),
    async appendAll(items) {
      tally.received(items);
      const errors = await spool.appendAll(items);
      for (const at of errors.keys()) tally.refused(items[at]?.[0]);
      return errors;
    },
    get log() {
      return spool.log;
    },
    registered: (writer) => proofs?.registered(writer),
    checkpoint: async (counts, asked) => proofs?.checkpoint(counts, asked),
    async rotateKey(counts) {
      if (proofs === undefined) throw new AuditError("UNAVAILABLE", "this log has no key");
      await proofs.rotateKey(counts);
    },
    async closeLog(counts) {
      if (proofs === undefined) throw new AuditError("UNAVAILABLE", "this log has no key");
      return proofs.closeLog(counts);
    },
    get last() {
      return spool.last;
    },
    followed: (position) => spool.followed(position),
    get writer() {
      return spool.writer;
    },
    acceptedLoss: spool.acceptedLoss,
    joinInstallation: (id) => spool.joinInstallation(id),
    depth: () => spool.depth(),
    examine: (probe) => spool.examine(probe),
    get full() {
      return spool.full;
    },
    async stop(deadlineMs, counts = new Map()) {
      const until = monotonic() + deadlineMs;
      // What fails is reported. The next start makes one over the same events.
      await proofs?.checkpoint(counts, false, spool.flush()).catch(() => undefined);
      await spool.flush();
      await forwarder?.stop(until - monotonic());
      await proofs?.stop(Math.max(until - monotonic(), LAST_NOTE_MS));
      await forwarder?.close();
      await spool.close();
    },
  };
}

/** Imported where it is wanted: NATS is half of what this thread would load without it. */
async function forward(...args: Parameters<typeof startForwarding>) {
  return (await import("./forwarding.ts")).startForwarding(...args);
}
