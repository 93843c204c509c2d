import type { Findings } from "../audit/forward/sink.ts";
import type { AuditPipeline } from "../audit/pipeline.ts";
import type { Config } from "../config/config.ts";
import type { MetricSources } from "../http/metrics.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { VerifiedCache } from "../token/verify/cache.ts";
import type { SharedState } from "./state/shared-state.ts";

interface MetricParts {
  readonly config: Config;
  readonly audit: AuditPipeline;
  /** Of the audit stream. */
  readonly auditSettings: () => Findings;
  readonly state: SharedState;
  readonly cache: VerifiedCache;
  readonly rings: () => readonly Keyring[];
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The values that a scrape reads. */
export function createMetricSources({
  config,
  audit,
  auditSettings,
  state,
  cache,
  rings,
  now,
}: MetricParts): MetricSources {
  return {
    spoolLimitBytes: config.spoolMaxBytes,
    verifyCache: cache,
    async spool() {
      const { events, bytes, oldestTime } = await audit.depth();
      return { events, bytes, oldestAgeSeconds: oldestTime === undefined ? 0 : Math.max(0, now() - oldestTime) / 1000 };
    },
    rotation: () =>
      rings().flatMap((ring) => {
        const seconds = ring.secondsToNextRotation(now());
        return seconds === undefined ? [] : [{ keyset: ring.keyset, seconds }];
      }),
    settings() {
      const bucket = state.settings();
      const streams = { ...(bucket && { bucket }), ...(config.nats && { audit: auditSettings() }) };
      return Object.entries(streams).flatMap(([stream, { refused, alarms }]) => [
        { stream, verdict: "refused", count: refused.length },
        { stream, verdict: "alarm", count: alarms.length },
      ]);
    },
    replicas() {
      if (config.state.store === "file") return undefined;
      const late = new Set(rings().flatMap(({ keyset, epoch }) => state.peers.late(keyset, epoch)));
      return {
        live: state.peers.live().length,
        late: late.size,
        storeAgeSeconds: state.fitness.ageMs() / 1000,
        clockOffsetSeconds: (state.fitness.clockOffsetMs() ?? 0) / 1000,
      };
    },
  };
}
