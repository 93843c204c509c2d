import { serveAudit } from "../../../src/audit-thread/serve.ts";
import { judgeNothing } from "../nats/judge-nothing.ts";

/** For negative controls: an audit thread to which every setting of its stream is as good as any other. */
await serveAudit({ judge: judgeNothing });
