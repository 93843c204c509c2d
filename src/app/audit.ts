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
  const onFailure = (error: unknown) => log("error", { type: "audit.failed", error });
  return startAuditThread(settings, (report) => reportAudit(report, log), onFailure, program);
}

function reportAudit(report: AuditReport, log: Log): void {
  const expected = report.type === "nats.up" || (report.type === "audit.forwarding" && report.differences.length === 0);
  log(expected ? "info" : "warn", report);
}
