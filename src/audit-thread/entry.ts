import { serveAudit } from "./serve.ts";

await serveAudit();
