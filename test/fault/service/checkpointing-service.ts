import { startApp } from "../../../src/app/app.ts";
import { loadConfig } from "../../../src/config/load.ts";

// Arguments: how often a checkpoint is made, in milliseconds, and whether it dies before it publishes one.
const [period = "", death] = process.argv.slice(2);
const auditThread = death && { auditThread: new URL("./note-killing-audit.ts", import.meta.url) };
const app = await startApp(loadConfig({ env: process.env }), { checkpointMs: Number(period), ...auditThread });
process.once("SIGTERM", () => void app.stop("SIGTERM"));
