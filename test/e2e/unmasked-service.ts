import { startApp } from "../../src/app/app.ts";
import { loadConfig } from "../../src/config/load.ts";

/** The service without the umask that `src/main.ts` sets: the negative control. */
await startApp(loadConfig({ env: process.env }));
