import test from "ava";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/schema/fault.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

const tracesOf = (env: Record<string, string>) => loadConfig({ env }).traces;

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig({ env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ file, message }) => `${file} ${message}`);
    throw error;
  }
  return [];
}

test("the standard variables name the collector: one for traces as it is, the common one with its path", (t) => {
  t.is(tracesOf({}), undefined);
  t.is(tracesOf(ENDPOINT)?.endpoint, "http://collector:4318/v1/traces");
  t.is(tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp/" })?.endpoint, "https://c/otlp/v1/traces");
  t.is(tracesOf({ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://own/x" })?.endpoint, "http://own/x");
});

test("Signet's own keys precede the standard variables", (t) => {
  const own = { SIGNET_TRACES_ENDPOINT: "http://own/x", SIGNET_TRACES_SAMPLE_RATIO: "0.5" };
  t.like(tracesOf({ ...ENDPOINT, OTEL_TRACES_SAMPLER: "always_on", ...own }), { endpoint: "http://own/x", ratio: 0.5 });
  t.is(tracesOf({ ...ENDPOINT, SIGNET_TRACES_ENDPOINT: "" }), undefined);
});

test("the files of TLS come from the standard variables, those for traces first", (t) => {
  const files = {
    OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca",
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: "/own",
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "/common",
    OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key",
  };
  t.like(tracesOf({ ...ENDPOINT, ...files }), { caFile: "/ca", certFile: "/own", keyFile: "/key" });
  t.is(tracesOf({ ...ENDPOINT, ...files, SIGNET_TRACES_CERT_FILE: "/mine" })?.certFile, "/mine");
});

test("a client certificate and its key are set both or neither", (t) => {
  const message = "must be set, since traces.";
  t.regex(faultsOf({ ...ENDPOINT, OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key" }).join(), new RegExp(`${message}key_file is`));
  t.regex(faultsOf({ SIGNET_TRACES_CERT_FILE: "/cert" }).join(), new RegExp(`${message}cert_file is`));
});

test("the standard switches turn traces off, also those of the configuration", (t) => {
  const own = { SIGNET_TRACES_ENDPOINT: "http://own/x" };
  t.is(tracesOf({ ...own, OTEL_SDK_DISABLED: "true" }), undefined);
  t.is(tracesOf({ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }), undefined);
  t.is(tracesOf({ ...own, OTEL_SDK_DISABLED: "false" })?.endpoint, "http://own/x");
});

test("each standard sampler is followed, with the bound on what callers may have recorded", (t) => {
  const samplers: readonly (readonly [string, ratio: number, perSecond: number])[] = [
    ["always_on", 1, 0],
    ["always_off", 0, 0],
    ["traceidratio", 0.25, 0],
    ["parentbased_always_on", 1, 10],
    ["parentbased_always_off", 0, 10],
    ["parentbased_traceidratio", 0.25, 10],
  ];
  for (const [OTEL_TRACES_SAMPLER, ratio, callerSampledPerSecond] of samplers)
    t.like(
      tracesOf({ ...ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG: "0.25" }),
      { ratio, callerSampledPerSecond },
      OTEL_TRACES_SAMPLER,
    );
  t.is(tracesOf({ ...ENDPOINT, OTEL_TRACES_SAMPLER: "traceidratio" })?.ratio, 1);
  t.like(tracesOf(ENDPOINT), { ratio: 0.01, callerSampledPerSecond: 10 });
});

test("what can't be followed is a fault, but only where there are traces", (t) => {
  const env = {
    OTEL_TRACES_SAMPLER: "parentbased_jaeger_remote",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  };
  t.deepEqual(faultsOf(env), []);
  t.deepEqual(faultsOf({ ...ENDPOINT, ...env }), [
    "OTEL_TRACES_SAMPLER must be one of always_on, always_off, traceidratio, parentbased_always_on, " +
      "parentbased_always_off, parentbased_traceidratio",
    "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf",
  ]);
  t.deepEqual(faultsOf({ ...ENDPOINT, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" }), [
    "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1",
  ]);
  t.deepEqual(faultsOf({ ...ENDPOINT, OTEL_TRACES_SAMPLER: "constructor" }).length, 1);
});

test("an endpoint is a URL without secrets, and headers over plaintext are warned of", (t) => {
  for (const SIGNET_TRACES_ENDPOINT of ["collector:4318", "http://user:pass@c", "http://c/?key=1", "http://["])
    t.is(faultsOf({ SIGNET_TRACES_ENDPOINT }).length, 1, SIGNET_TRACES_ENDPOINT);
  const warnings = (endpoint: string) =>
    loadConfig({ env: { SIGNET_TRACES_ENDPOINT: endpoint, SIGNET_TRACES_HEADERS_FILE: "/headers" } }).warnings;
  t.regex(warnings("http://collector/v1/traces").join(), /traces\.headers_file would be sent .* unencrypted/);
  t.deepEqual(warnings("https://collector/v1/traces"), []);
  t.deepEqual(warnings("http://127.0.0.1:4318/v1/traces"), []);
});

test("a ratio is a number from 0 to 1", (t) => {
  for (const ratio of ["-1", "1.1", "half", ""])
    t.is(faultsOf({ ...ENDPOINT, SIGNET_TRACES_SAMPLE_RATIO: ratio }).length, 1, ratio);
  t.is(tracesOf({ ...ENDPOINT, SIGNET_TRACES_SAMPLE_RATIO: "0.125" })?.ratio, 0.125);
});
