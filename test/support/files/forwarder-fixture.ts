import type { ExecutionContext } from "ava";
import { Forwarder, type ForwarderOptions, type ForwarderReport } from "../../../src/audit/forward/forwarder.ts";
import { NatsPublisher } from "../../../src/nats/audit/publisher.ts";
import { NatsLink } from "../../../src/nats/link.ts";
import { HANGS_MS } from "../bounded.ts";
import type { NatsServer } from "../nats/nats-server.ts";

/** A link for this test, closed after it. */
function makeLink(t: ExecutionContext<unknown>, server: Pick<NatsServer, "url">): NatsLink {
  const link = new NatsLink({ servers: server.url }, () => undefined);
  t.teardown(() => link.close(1000));
  return link;
}

/** A publisher over a link for this test. */
export function makePublisher(t: ExecutionContext<unknown>, server: Pick<NatsServer, "url">, ackTimeoutMs = HANGS_MS) {
  return new NatsPublisher(makeLink(t, server), { replicas: 1, ackTimeoutMs });
}

/** A running forwarder and its reports. It is stopped after the test. */
export function startForwarder(
  t: ExecutionContext<unknown>,
  overrides: Pick<ForwarderOptions, "spool" | "sink"> & Partial<ForwarderOptions>,
) {
  const reports: ForwarderReport[] = [];
  const forwarder = new Forwarder({
    horizonMs: 60_000,
    monotonic: () => performance.now(),
    random: () => 0,
    report: (report) => void reports.push(report),
    ...overrides,
  });
  t.teardown(() => forwarder.stop(1000));
  return { forwarder, reports };
}
