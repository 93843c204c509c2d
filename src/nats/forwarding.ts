import { Forwarder, type ForwarderOptions } from "../audit/forwarder.ts";
import type { EventSink } from "../audit/sink.ts";
import { type LinkReport, NatsLink } from "./connect.ts";
import { NatsPublisher } from "./publisher.ts";

export interface ForwardingOptions extends Omit<ForwarderOptions, "sink"> {
  readonly url: string;
  readonly replicas: number;
  readonly link: (report: LinkReport) => void;
  /** What is put between the forwarder and NATS. */
  readonly wrapSink: (sink: EventSink) => EventSink;
}

/** How long the connection may take to close. */
const CLOSE_MS = 1_000;

/** Carries the spool's events to NATS from now on, in the background, whether NATS is there or not. */
export function startForwarding({ url, replicas, link: report, wrapSink, ...options }: ForwardingOptions) {
  const link = new NatsLink({ servers: url, name: "signet" }, report);
  const sink = new NatsPublisher(link, { replicas });
  const forwarder = new Forwarder({ ...options, sink: wrapSink(sink) });
  return {
    /** Forwards what is there as long as that works, at most for `deadlineMs`. */
    async stop(deadlineMs: number): Promise<void> {
      await forwarder.stop(deadlineMs);
      await link.close(CLOSE_MS);
    },
  };
}
