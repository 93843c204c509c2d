import type { Findings, StreamUsage } from "../audit/forward/sink.ts";
import type { AuditPipeline } from "../audit/pipeline.ts";
import type { Config } from "../config/config.ts";
import type { MetricSources } from "../http/metrics/figures.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { CertificateValidity } from "../nats/access.ts";
import type { VerifiedCache } from "../token/verify/cache.ts";
import { type Certificates, validitiesOf } from "./listeners/certificates.ts";
import type { SharedState } from "./state/shared-state.ts";
import type { Storage } from "./storage.ts";

interface MetricParts {
  readonly config: Config;
  readonly audit: AuditPipeline;
  /** Of the audit stream. */
  readonly auditSettings: () => Findings;
  readonly streamUsage: () => StreamUsage | undefined;
  readonly state: SharedState;
  readonly cache: VerifiedCache;
  readonly certificates: Certificates;
  /** These two as in the storage. */
  readonly checkpoint: Storage["checkpoint"];
  readonly natsCertificate: () => CertificateValidity | undefined;
  readonly rings: () => readonly Keyring[];
  readonly sessions: MetricSources["sessions"];
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** What a scrape reads of the parts that are there before the listeners are. */
export function createMetricSources({
  config,
  audit,
  auditSettings,
  streamUsage,
  state,
  cache,
  certificates,
  natsCertificate,
  checkpoint,
  rings,
  sessions,
  now,
}: MetricParts): Omit<MetricSources, "load" | "obstacles" | "spans" | "writers"> {
  return {
    verifyCache: () => cache,
    sessions,
    certificates() {
      const nats = natsCertificate();
      return [...validitiesOf(certificates, now()), ...(nats === undefined ? [] : [parsed("nats", nats)])];
    },
    async spool() {
      const { oldestTime, last: stored, ...depth } = await audit.depth();
      return { ...depth, stored, oldestAgeSeconds: ageSeconds(oldestTime, now()), limitBytes: config.spoolMaxBytes };
    },
    auditStream() {
      const usage = streamUsage();
      const { maxAgeMs, maxBytes } = config.retention;
      return {
        ...usage,
        oldestAgeSeconds: usage && ageSeconds(usage.oldestTime, now()),
        targetSeconds: maxAgeMs && maxAgeMs / 1000,
        targetBytes: maxBytes,
      };
    },
    checkpoint() {
      const published = checkpoint();
      return published && { size: published.size, ageSeconds: Math.max(0, now() - published.at) / 1000 };
    },
    rotations: () => rings().map((ring) => ({ keyset: ring.keyset, at: ring.nextRotation(now()) ?? 0 })),
    settings() {
      const streams = { ...state.settings(), ...(config.nats && { audit: auditSettings() }) };
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
        stateAgeSeconds: state.fitness.ageMs() / 1000,
        maxOfflineSeconds: config.state.maxOfflineMs / 1000,
        clockOffsetSeconds: (state.fitness.clockOffsetMs() ?? 0) / 1000,
        clockSkewSeconds: config.clockSkewMs / 1000,
      };
    },
  };
}

/** 0 where there is nothing old. */
function ageSeconds(time: number | undefined, now: number): number {
  return time === undefined ? 0 : Math.max(0, now - time) / 1000;
}

function parsed(place: string, { notBefore, expires }: CertificateValidity) {
  return { place, notBefore: Date.parse(notBefore), expires: Date.parse(expires) };
}
