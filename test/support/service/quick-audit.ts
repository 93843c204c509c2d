import { serveAudit } from "../../../src/audit-thread/serve.ts";

/** An audit thread that inspects its stream ten times a second. */
await serveAudit({ inspectMs: 100 });
