import { writeFileSync } from "node:fs";
import { registerHooks } from "node:module";

/**
 * The service as it is, which writes to a file, at its end, what it has loaded of OpenTelemetry: without its API, which
 * prom-client loads.
 */
const loaded = new Set<string>();
registerHooks({
  load(url, context, nextLoad) {
    const [, name] = /\/node_modules\/(@opentelemetry\/[^/]+)\//.exec(url) ?? [];
    if (name !== undefined && name !== "@opentelemetry/api") loaded.add(name);
    return nextLoad(url, context);
  },
});
process.once("exit", () => writeFileSync(process.env.LOADED_PACKAGES ?? "", JSON.stringify([...loaded])));
await import("../../../src/main.ts");
