import { startApp } from "../../../src/app/app.ts";
import { loadConfig } from "../../../src/config/load.ts";

const auditThread = new URL("./unsynced-audit.ts", import.meta.url);
await startApp(loadConfig({ env: process.env }), { auditThread });
