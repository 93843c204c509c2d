import type { Fault } from "../schema/fault.ts";
import { isObject } from "../schema/object-schema.ts";

/** How a standard sampler decides. */
interface Sampler {
  /** Whether a call with a trace is recorded as its caller does. */
  readonly byParent: boolean;
  /** Of all others. */
  readonly ratio: number | "argument";
}

/** The values of OTEL_TRACES_SAMPLER that can be followed. */
const SAMPLERS: Readonly<Record<string, Sampler>> = {
  always_on: { byParent: false, ratio: 1 },
  always_off: { byParent: false, ratio: 0 },
  traceidratio: { byParent: false, ratio: "argument" },
  parentbased_always_on: { byParent: true, ratio: 1 },
  parentbased_always_off: { byParent: true, ratio: 0 },
  parentbased_traceidratio: { byParent: true, ratio: "argument" },
};

/**
 * Takes the section `traces` from the variables of OpenTelemetry, in place, where nothing else sets a key. Where they
 * switch traces off, no endpoint counts. Variables that are not named here do nothing, or are read by the exporter.
 */
export function takeOpenTelemetry(data: Record<string, unknown>, env: NodeJS.ProcessEnv): Fault[] {
  const section = data.traces ?? {};
  // The schema reports a section that is not an object.
  if (!isObject(section)) return [];
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === "true" || env.OTEL_TRACES_EXPORTER === "none") {
    data.traces = { ...section, endpoint: "" };
    return [];
  }
  const endpoint = endpointIn(env);
  const isOn = (section.endpoint ?? endpoint ?? "") !== "";
  if (!isOn) return [];
  const faults: Fault[] = [];
  const sampling = samplingIn(env, faults);
  if (section.endpoint === undefined) checkProtocol(env, faults);
  data.traces = {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...certificateFilesIn(env),
    ...sampling,
    ...section,
  };
  return faults;
}

/** As the OTLP exporter's specification has it: the variable for traces is the whole URL, the common one its base. */
function endpointIn(env: NodeJS.ProcessEnv): string | undefined {
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: base } = env;
  if (own) return own;
  return base ? `${base.replace(/\/$/, "")}/v1/traces` : undefined;
}

const CERTIFICATE_FILES = { ca_file: "CERTIFICATE", cert_file: "CLIENT_CERTIFICATE", key_file: "CLIENT_KEY" };

function certificateFilesIn(env: NodeJS.ProcessEnv): Record<string, string> {
  const files = Object.entries(CERTIFICATE_FILES).map(([key, name]) => {
    return [key, env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] || env[`OTEL_EXPORTER_OTLP_${name}`]];
  });
  return Object.fromEntries(files.filter(([, file]) => file));
}

function checkProtocol(env: NodeJS.ProcessEnv, faults: Fault[]): void {
  for (const file of ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
    const protocol = env[file];
    if (!protocol) continue;
    if (protocol !== "http/protobuf") faults.push({ file, path: "", message: "must be http/protobuf" });
    return;
  }
}

function samplingIn(env: NodeJS.ProcessEnv, faults: Fault[]): Record<string, number> {
  const name = env.OTEL_TRACES_SAMPLER;
  if (!name) return {};
  const sampler = Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;
  if (sampler === undefined) {
    const message = `must be one of ${Object.keys(SAMPLERS).join(", ")}`;
    faults.push({ file: "OTEL_TRACES_SAMPLER", path: "", message });
    return {};
  }
  const { byParent, ratio } = sampler;
  return {
    sample_ratio: ratio === "argument" ? argumentIn(env, faults) : ratio,
    ...(byParent ? {} : { caller_sampled_per_second: 0 }),
  };
}

/** 1 where there is none, as the specification has it. */
function argumentIn({ OTEL_TRACES_SAMPLER_ARG: text }: NodeJS.ProcessEnv, faults: Fault[]): number {
  if (!text) return 1;
  const ratio = /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
  if (ratio <= 1) return ratio;
  faults.push({ file: "OTEL_TRACES_SAMPLER_ARG", path: "", message: "must be a number from 0 to 1" });
  return 1;
}
