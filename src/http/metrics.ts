import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Values that are read when somebody asks, not kept. */
export interface MetricSources {
  /** The size at which the spool refuses events of tokens, in bytes. */
  readonly spoolLimitBytes: number;
  /** Asked once for each scrape. Where it fails, its values are left out of the answer. */
  spool(): Promise<{ readonly events: number; readonly bytes: number; readonly oldestAgeSeconds: number }>;
  /** How often the signature of a token need not be verified again, and how often it must. */
  readonly verifyCache: { readonly hits: number; readonly misses: number };
  /** How this replica stands with the others; undefined for one alone. */
  replicas(): ReplicaFigures | undefined;
  rotation(): readonly { readonly keyset: string; readonly seconds: number }[];
}

interface ReplicaFigures {
  readonly live: number;
  /** Of the live ones, those that do not hold the newest epoch of every keyset. */
  readonly late: number;
  readonly storeAgeSeconds: number;
  readonly clockOffsetSeconds: number;
}

/** What the service counts. The names are API: dashboards and alarms use them. */
export interface Metrics {
  call(method: string, code: string, seconds: number): void;
  issued(profile: string): void;
  rejected(profile: string, reason: string): void;
  expressionFailed(profile: string, kind: string, name: string): void;
  /** The text that Prometheus scrapes. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new Histogram({
    name: "signet_grpc_call_seconds",
    help: "Duration of gRPC calls by method and status code; its count is the number of calls.",
    labelNames: ["method", "code"] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const issued = new Counter({
    name: "signet_tokens_issued_total",
    help: "Tokens that left the service, by profile.",
    labelNames: ["profile"] as const,
    registers,
  });
  const rejected = new Counter({
    name: "signet_tokens_rejected_total",
    help: "Tokens that were shown and are not valid, by profile and reason.",
    labelNames: ["profile", "reason"] as const,
    registers,
  });
  const failed = new Counter({
    name: "signet_expression_errors_total",
    help: "Expressions of profiles that failed or gave no boolean, by profile, kind (claim, warning or rule) and the claim's name, the warning's code or the rule's number in its file, from 0.",
    labelNames: ["profile", "kind", "name"] as const,
    registers,
  });
  const lookAtSpool = spoolGauges(registry, sources);
  new Gauge({
    name: "signet_next_rotation_seconds",
    help: "Seconds until the next key of the keyset signs.",
    labelNames: ["keyset"] as const,
    registers,
    collect() {
      for (const { keyset, seconds } of sources.rotation()) this.set({ keyset }, seconds);
    },
  });

  new Counter({
    name: "signet_verify_cache_total",
    help: "Tokens that were shown, by whether their signature was known to be good (hit) or not (miss).",
    labelNames: ["result"] as const,
    registers,
    collect() {
      this.reset();
      this.inc({ result: "hit" }, sources.verifyCache.hits);
      this.inc({ result: "miss" }, sources.verifyCache.misses);
    },
  });

  replicaGauges(registry, sources);

  const observers = new Map<string, ReturnType<typeof calls.labels>>();
  return {
    call(method, code, seconds) {
      // A child is looked up once: finding it by its labels costs more than observing.
      const key = `${method} ${code}`;
      const observer = observers.get(key) ?? calls.labels(method, code);
      observers.set(key, observer);
      observer.observe(seconds);
    },
    issued: (profile) => issued.inc({ profile }),
    rejected: (profile, reason) => rejected.inc({ profile, reason }),
    expressionFailed: (profile, kind, name) => failed.inc({ profile, kind, name }),
    async render() {
      await lookAtSpool();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

/** Returns what brings the gauges up to date: together, so that they tell of one moment. Never rejects. */
function spoolGauges(registry: Registry, sources: MetricSources): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const events = gauge("signet_audit_spool_events", "Audit events that wait to be acknowledged by NATS.");
  const bytes = gauge(
    "signet_audit_spool_bytes",
    "Size of the audit spool on disk, acknowledged events that are still retained included.",
  );
  const oldest = gauge(
    "signet_audit_spool_oldest_seconds",
    "Age of the oldest audit event that NATS has not acknowledged; 0 when there is none.",
  );
  const limit = gauge("signet_audit_spool_limit_bytes", "Size of the audit spool at which no tokens are issued.");

  return async () => {
    try {
      limit.set(sources.spoolLimitBytes);
      const depth = await sources.spool();
      events.set(depth.events);
      bytes.set(depth.bytes);
      oldest.set(depth.oldestAgeSeconds);
    } catch {
      for (const each of [events, bytes, oldest]) each.remove();
    }
  };
}

function replicaGauges(registry: Registry, sources: MetricSources): void {
  const gauge = (name: string, help: string, read: (figures: ReplicaFigures) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const figures = sources.replicas();
        if (figures === undefined) this.remove();
        else this.set(read(figures));
      },
    });
  gauge(
    "signet_replicas_live",
    "Replicas that share this one's state and live, this one included.",
    ({ live }) => live,
  );
  gauge("signet_replicas_late", "Live replicas that do not hold the newest epoch of every keyset.", ({ late }) => late);
  gauge(
    "signet_state_age_seconds",
    "Seconds since the shared state was last heard of: how old this replica's view may be.",
    ({ storeAgeSeconds }) => storeAgeSeconds,
  );
  gauge(
    "signet_clock_offset_seconds",
    "How far the clock of the shared state is ahead of this one.",
    ({ clockOffsetSeconds }) => clockOffsetSeconds,
  );
}
