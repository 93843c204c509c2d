import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CONFIG_SCHEMA } from "../src/config/schema.ts";
import { isObject } from "../src/schema/object-schema.ts";

const run = promisify(execFile);

/** The folder of the Helm chart. */
export const CHART = new URL("../deploy/helm/signet/", import.meta.url).pathname;

/** Where the chart is installed. */
const RELEASE = ["signet", "--namespace", "signet"];

/**
 * Calls `work` with a copy of the chart that Helm takes offline: in place of the NATS chart, which `helm dependency
 * update` would fetch, stands an empty one.
 */
export async function withChart<Result>(work: (chart: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "signet-chart-"));
  try {
    const chart = join(folder, "signet");
    await cp(CHART, chart, { recursive: true, dereference: true });
    const nats = join(chart, "charts", "nats");
    await mkdir(nats, { recursive: true });
    await writeFile(join(nats, "Chart.yaml"), "apiVersion: v2\nname: nats\nversion: 2.12.1\n");
    return await work(chart);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The manifests that Helm renders from the chart. Rejects with what Helm says of the values.
 *
 * @param helm - the path of Helm
 * @param args - more arguments, such as `--values FILE` and `--set KEY=VALUE`
 */
export function renderChart(helm: string, args: readonly string[]): Promise<string> {
  return withChart(async (chart) => (await run(helm, ["template", ...RELEASE, chart, ...args])).stdout);
}

/** The manifests for `kubectl apply`: without the test of Helm, and without the labels that name Helm as their owner. */
export async function plainManifests(helm: string, values: string): Promise<string> {
  const rendered = await renderChart(helm, ["--values", values, "--set", "helmTest.enabled=false"]);
  return rendered.replace(/^(?:# Source: .*| *(?:helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*)\n/gm, "");
}

/** The keys of Signet's configuration that the chart sets from its own values. */
const OWNED = [
  ...["data", "issuer", "spiffe", "kek", "access", "shutdown", "profiles.folder", "state.store", "state.first_start"],
  ...["grpc.address", "grpc.tls.source", "grpc.tls.cert", "grpc.tls.key", "grpc.tls.client_ca"],
  ...["http.address", "http.internal_address", "http.tls.cert", "http.tls.key"],
  ...["nats.url", "nats.tls", "nats.creds", "nats.nkey", "nats.user_file", "nats.password_file", "nats.replicas"],
];

/** As `durationMs` takes durations. Their bounds are checked at the start of Signet. */
const DURATION = "^[0-9]{1,12}(ms|s|m|h|d)$";

/** The keywords that Helm's validator does not know, and the defaults, which Signet fills in. */
const LEFT_OUT = ["allowed", "default", "durationFrom"];

/** The JSON Schema of the value `config`: that of Signet's configuration without the keys that the chart sets. */
function configSchema(schema: unknown = CONFIG_SCHEMA, path: readonly string[] = []): unknown {
  if (Array.isArray(schema)) return schema.map((item) => configSchema(item, path));
  if (!isObject(schema)) return schema;
  const kept = Object.entries(schema).filter(([keyword]) => !LEFT_OUT.includes(keyword));
  return Object.fromEntries(
    kept.flatMap(([keyword, value]) => {
      if (keyword === "duration") return [["pattern", DURATION]];
      if (keyword === "properties" && isObject(value)) return [[keyword, propertiesOf(value, path)]];
      const names = keyword === "required" ? withoutDefault(value, schema.properties) : undefined;
      if (names?.length === 0) return [];
      return [[keyword, names ?? configSchema(value, path)]];
    }),
  );
}

function propertiesOf(properties: Readonly<Record<string, unknown>>, path: readonly string[]): object {
  const others = Object.entries(properties).filter(([name]) => !OWNED.includes([...path, name].join(".")));
  return Object.fromEntries(others.map(([name, schema]) => [name, configSchema(schema, [...path, name])]));
}

/** Signet fills in defaults before it looks for what is required. */
function withoutDefault(required: unknown, properties: unknown): string[] {
  const names = required as readonly string[];
  return names.filter((name) => isObject(properties) && !("default" in Object(properties[name])));
}

/** The schema of the chart's values, with that of `config` as it is now. */
export async function valuesSchema(): Promise<{ readonly properties: object }> {
  const schema = JSON.parse(await readFile(join(CHART, "values.schema.json"), "utf8"));
  return { ...schema, properties: { ...schema.properties, config: configSchema() } };
}
