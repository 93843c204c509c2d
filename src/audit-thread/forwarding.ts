import { Forwarder, type ForwarderOptions } from "../audit/forward/forwarder.ts";
import type { EventSink, NoteSink, StreamUsage } from "../audit/forward/sink.ts";
import { timedSink } from "../audit/forward/timed-sink.ts";
import type { AuditReport } from "../audit/pipeline.ts";
import type { Spool } from "../audit/spool/spool.ts";
import { UNUSED_EVENT } from "../nats/attempt.ts";
import { NatsPublisher, type PublisherOptions } from "../nats/audit/publisher.ts";
import type { LinkReport } from "../nats/link.ts";
import { openWatchedLink } from "../nats/watched-link.ts";
import type { Publication } from "../trace/call-trace.ts";
import type { AuditSettings } from "./messages.ts";

/** The access to the network, which tests replace. */
export interface ForwardingAdapters extends Pick<ForwarderOptions, "inspectMs">, Pick<PublisherOptions, "judge"> {
  readonly wrapSink?: (sink: EventSink) => EventSink;
  readonly wrapNotes?: (sink: NoteSink) => NoteSink;
}

/** How long the connection may take to close: what is still being sent is in the spool as well. */
const CLOSE_MS = 100;

const monotonic = () => performance.now();
const CLOCKS = { now: Date.now, monotonic };

/** Forwards the events of the spool to NATS, whether it is reachable or not. Throws the StartError NATS_FILES. */
export async function startForwarding(
  { access, replicas, horizonMs, traced }: NonNullable<AuditSettings["nats"]> & Pick<AuditSettings, "traced">,
  spool: Spool,
  report: (report: AuditReport) => void,
  { wrapSink = (sink) => sink, wrapNotes = (sink) => sink, inspectMs, judge }: ForwardingAdapters,
) {
  const { link, close } = await openWatchedLink(access, { name: "signet", writes: UNUSED_EVENT }, (state) =>
    report(reportOf(state)),
  );
  const nats = new NatsPublisher(link, { replicas, judge });
  const notes = wrapNotes(nats);
  const publisher = wrapSink(nats);
  const onPublished = (publications: readonly Publication[]) => report({ type: "audit.published", publications });
  const onUsage = (usage: StreamUsage) => report({ type: "audit.usage", usage });
  const sink = traced ? timedSink(publisher, onPublished, CLOCKS) : publisher;
  const forwarder = new Forwarder({
    spool,
    sink,
    horizonMs,
    monotonic,
    inspectMs,
    random: Math.random,
    report,
    onUsage,
  });
  return {
    notes,
    get inspected() {
      return forwarder.inspected;
    },
    stop: (deadlineMs: number) => forwarder.stop(deadlineMs),
    close: () => close(CLOSE_MS),
  };
}

function reportOf(state: LinkReport): AuditReport {
  return "server" in state ? { ...state, type: `nats.${state.type}` } : { ...state, type: `nats.${state.type}` };
}
