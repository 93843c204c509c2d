import { randomUUID } from "node:crypto";
import { createUuidV7Generator } from "../audit/event-id.ts";
import { Forwarder, type ForwarderOptions } from "../audit/forward/forwarder.ts";
import type { EventSink } from "../audit/forward/sink.ts";
import type { AuditPipeline, AuditReport, AuditSettings } from "../audit/pipeline.ts";
import { openSpool } from "../audit/spool/open.ts";
import type { OpenSpoolFile } from "../audit/spool/segment-file.ts";
import type { Spool } from "../audit/spool/spool.ts";
import { NatsPublisher, type PublisherOptions } from "../nats/audit/publisher.ts";
import { NatsLink } from "../nats/link.ts";

/** The pipeline's access to disk and network, which tests replace. */
export interface AuditAdapters extends Pick<ForwarderOptions, "inspectMs">, Pick<PublisherOptions, "judge"> {
  readonly openSpoolFile?: OpenSpoolFile;
  readonly wrapSink?: (sink: EventSink) => EventSink;
}

/** The pipeline as its own thread sees it. */
export type OpenPipeline = Pick<
  Spool,
  "append" | "appendAll" | "writer" | "acceptedLoss" | "joinInstallation" | "depth" | "examine" | "full"
> &
  Pick<AuditPipeline, "stop">;

/** How long the connection may take to close: what is still being sent is in the spool as well. */
const CLOSE_MS = 100;

const monotonic = () => performance.now();

/** Opens the spool and starts to forward its events to NATS, whether NATS is reachable or not. Throws an AuditError. */
export async function openAuditPipeline(
  { nats, ...settings }: AuditSettings,
  report: (report: AuditReport) => void,
  { openSpoolFile, ...forwarding }: AuditAdapters = {},
): Promise<OpenPipeline> {
  const spool = await openSpool({
    ...settings,
    writer: randomUUID,
    newId: createUuidV7Generator(),
    monotonic,
    forwarded: nats !== undefined,
    ...(openSpoolFile === undefined ? {} : { openFile: openSpoolFile }),
  });
  if (spool.cut !== undefined) report({ type: "audit.cut", ...spool.cut });
  const forwarder = nats && startForwarding(nats, spool, report, forwarding);
  return {
    append: (event, time) => spool.append(event, time),
    appendAll: (items) => spool.appendAll(items),
    writer: spool.writer,
    acceptedLoss: spool.acceptedLoss,
    joinInstallation: (id) => spool.joinInstallation(id),
    depth: () => spool.depth(),
    examine: (probe) => spool.examine(probe),
    get full() {
      return spool.full;
    },
    async stop(deadlineMs) {
      await spool.flush();
      await forwarder?.stop(deadlineMs);
      await spool.close();
    },
  };
}

function startForwarding(
  { url, replicas, horizonMs }: NonNullable<AuditSettings["nats"]>,
  spool: Spool,
  report: (report: AuditReport) => void,
  { wrapSink = (sink) => sink, inspectMs, judge }: Omit<AuditAdapters, "openSpoolFile">,
) {
  const link = new NatsLink({ servers: url, name: "signet" }, (state) =>
    report(state.type === "up" ? { ...state, type: "nats.up" } : { ...state, type: "nats.down" }),
  );
  const sink = wrapSink(new NatsPublisher(link, { replicas, judge }));
  const forwarder = new Forwarder({ spool, sink, horizonMs, monotonic, inspectMs, random: Math.random, report });
  return {
    async stop(deadlineMs: number): Promise<void> {
      await forwarder.stop(deadlineMs);
      await link.close(CLOSE_MS);
    },
  };
}
