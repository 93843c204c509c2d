import { collectDefaultMetrics, Registry } from "prom-client";
import { CALL_DURATION, COUNTERS } from "../../../src/http/metrics/counted.ts";
import { READ_METRICS } from "../../../src/http/metrics/figures.ts";
import { createMetrics } from "../../../src/http/metrics/metrics.ts";

export interface DeclaredMetric {
  readonly type: string;
  /** Sorted. */
  readonly labels: readonly string[];
}

/** Each metric that the service may show, by its name. */
export async function declaredMetrics(): Promise<ReadonlyMap<string, DeclaredMetric>> {
  const { body } = await createMetrics({ version: "1", node: "24", ed25519: "OpenSSL" }).render();
  const labels = labelsByName();
  const types = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Map(types.map(([, name = "", type = ""]) => [name, { type, labels: labels.get(name) ?? [] }]));
}

function labelsByName(): Map<string, readonly string[]> {
  const declared = [CALL_DURATION, ...Object.values(COUNTERS), ...READ_METRICS];
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  // The library's types hide the names of the labels.
  const metrics = ofProcess.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
  return new Map(
    [
      { name: "signet_build_info", labels: ["version", "node", "ed25519"] },
      ...declared,
      ...metrics.map(({ name, labelNames }) => ({ name, labels: labelNames })),
    ].map(({ name, labels }) => [name, labels.toSorted()]),
  );
}
