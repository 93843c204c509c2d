import { StartError } from "../start-error.ts";

/** The packages that traces need. They are optional: nothing else loads them. */
export type Libraries = Awaited<ReturnType<typeof load>>;

/** Loads them. Rejects with the StartError TRACES_PACKAGES, which says what to install. */
export async function loadLibraries(): Promise<Libraries> {
  try {
    return await load();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")) throw cause;
    throw new StartError(
      "TRACES_PACKAGES",
      "traces.endpoint is set, but the optional packages of OpenTelemetry are not installed: run npm install without " +
        "--omit=optional, or leave traces.endpoint empty (also OTEL_EXPORTER_OTLP_ENDPOINT)",
      { cause },
    );
  }
}

async function load() {
  const [api, core, sdk, resources, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/core"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/exporter-trace-otlp-proto"),
  ]);
  return { api, core, sdk, resources, OTLPTraceExporter };
}
