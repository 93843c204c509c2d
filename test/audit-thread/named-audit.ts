import { setServers } from "node:dns";
import { workerData } from "node:worker_threads";
import type { AuditSettings } from "../../src/audit-thread/messages.ts";
import { serveAudit } from "../../src/audit-thread/serve.ts";

/** An audit thread that asks a DNS server of the test for its NATS server: at the port that NATS would have. */
const { nats } = workerData as AuditSettings;
for (const server of nats?.access.servers ?? []) setServers([`127.0.0.1:${new URL(server).port}`]);
await serveAudit();
