import { join } from "node:path";
import { durabilityHorizon } from "../audit/forward/forwarder.ts";
import type { AuditPipeline, AuditReport } from "../audit/pipeline.ts";
import { startAuditThread } from "../audit-thread/start.ts";
import type { Config } from "../config/config.ts";
import type { Log } from "./log.ts";

/** Opens the spool of the data folder in a thread that runs `program`. Rejects with an AuditError. */
export function startAudit(config: Config, program: URL, log: Log): Promise<AuditPipeline> {
  const { nats } = config;
  const settings = {
    folder: join(config.data, "spool"),
    maxBytes: config.spoolMaxBytes,
    nats: nats && { url: nats.url, replicas: nats.replicas, horizonMs: durabilityHorizon(nats.syncInterval) },
  };
  const died = (error: unknown) => log("error", { event: "audit.failed", error });
  return startAuditThread(settings, (report) => tellAudit(report, log), died, program);
}

function tellAudit({ type, ...fields }: AuditReport, log: Log): void {
  const asItShould =
    type === "up" || (type === "forwarding" && "differences" in fields && fields.differences.length === 0);
  const event = type === "up" || type === "down" ? `nats.${type}` : `audit.${type}`;
  log(asItShould ? "info" : "warn", { event, ...fields } as Parameters<Log>[1]);
}
