import { registerHooks } from "node:module";

/** The service as it is, without the optional packages of OpenTelemetry. prom-client brings the API's. */
registerHooks({
  resolve(specifier, context, nextResolve) {
    if (!specifier.startsWith("@opentelemetry/") || specifier === "@opentelemetry/api")
      return nextResolve(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: "ERR_MODULE_NOT_FOUND" });
  },
});
await import("../../../src/main.ts");
