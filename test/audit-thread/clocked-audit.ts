import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { workerData } from "node:worker_threads";
import type { AuditSettings } from "../../src/audit-thread/messages.ts";
import { serveAudit } from "../../src/audit-thread/serve.ts";

/** An audit thread whose log is idle by the clock in a file beside the spool's folder, which the test moves. */
const { folder } = workerData as AuditSettings;
await serveAudit({ monotonic: () => Number(readFileSync(join(dirname(folder), "clock"), "utf8")) });
