import { registerHooks } from "node:module";

/** The service as it is, but an expression may cost anything. */
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith("/src/profile/cel/cost.ts")) return loaded;
    return { ...loaded, source: String(loaded.source).replace("COST_LIMIT = 250_000", "COST_LIMIT = Infinity") };
  },
});
await import("../../src/main.ts");
