import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Values that are read at each scrape. */
export interface MetricSources {
  /** The size at which the spool refuses events of tokens, in bytes. */
  readonly spoolLimitBytes: number;
  /** Called once for each scrape. When it rejects, its values are left out of the answer. */
  spool(): Promise<{ readonly events: number; readonly bytes: number; readonly oldestAgeSeconds: number }>;
  /** How many signatures were found in the cache (hits), and how many had to be verified (misses). */
  readonly verifyCache: { readonly hits: number; readonly misses: number };
  /** Undefined for a single process, which has no replicas. */
  replicas(): ReplicaFigures | undefined;
  rotation(): readonly { readonly keyset: string; readonly seconds: number }[];
  /** How many settings of a stream of NATS were found wrong. Empty without NATS. */
  settings(): readonly { readonly stream: string; readonly verdict: string; readonly count: number }[];
}

interface ReplicaFigures {
  readonly live: number;
  /** Live replicas that do not hold the newest epoch of every keyset. */
  readonly late: number;
  readonly storeAgeSeconds: number;
  readonly clockOffsetSeconds: number;
}

/** What the service counts. The names of metrics are API: dashboards and alarms use them. */
export interface Metrics {
  call(method: string, code: string, seconds: number): void;
  issued(profile: string): void;
  /** The profile is empty if it is unknown. */
  denied(profile: string, reason: string): void;
  rejected(profile: string, reason: string): void;
  revoked(profile: string, kind: "token" | "subject", count: number): void;
  imported(profile: string): void;
  expressionFailed(profile: string, kind: string, name: string, reason: string): void;
  /** A connection was closed or a call ended because of this limit, a key of the configuration. */
  limited(limit: string): void;
  /** Adds the metrics of what clients hold open. Called once. */
  addLoad(read: () => { readonly connections: number; readonly openCalls: number }): void;
  /** Adds the metrics that are read at each scrape. Called once. */
  addSources(sources: MetricSources): void;
  /** The text that Prometheus scrapes. */
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

export function createMetrics(build: { readonly version: string; readonly node: string }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const labelNames = ["version", "node"] as const;
  new Gauge({
    name: "signet_build_info",
    help: "1, with the version of Signet and of Node.",
    labelNames,
    registers,
  }).set(build, 1);
  const calls = new Histogram({
    name: "signet_grpc_call_seconds",
    help: "Duration of gRPC calls by method and status code; its count is the number of calls.",
    labelNames: ["method", "code"] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const issued = counter("signet_tokens_issued_total", "Tokens that left the service, by profile.", ["profile"]);
  const denied = counter(
    "signet_tokens_denied_total",
    "Requests for a token that were refused, by profile (empty if it is unknown) and reason.",
    ["profile", "reason"],
  );
  const revoked = counter(
    "signet_revocations_total",
    "Revocations that this replica has stored, by profile and kind (token or subject).",
    ["profile", "kind"],
  );
  const imported = counter("signet_keys_imported_total", "Keys that were imported on this replica, by profile.", [
    "profile",
  ]);
  const rejected = counter(
    "signet_tokens_rejected_total",
    "Tokens that were presented and are not valid, by profile and reason.",
    ["profile", "reason"],
  );
  const failed = counter(
    "signet_expression_errors_total",
    "Expressions of profiles that failed or gave no boolean, by profile, kind (claim, warning or rule), " +
      "the claim's name, the warning's code or the rule's number in its file, from 0, and reason " +
      "(failed or too_costly).",
    ["profile", "kind", "name", "reason"],
  );
  const limited = counter(
    "signet_limited_total",
    "Connections closed and calls ended because clients took too much, by the configuration key of the limit.",
    ["limit"],
  );
  let readSpool = async (): Promise<void> => {};
  const observers = new Map<string, ReturnType<typeof calls.labels>>();
  return {
    call(method, code, seconds) {
      // Looking up a child by its labels costs more than observing a value, so each is looked up once.
      const key = `${method} ${code}`;
      const observer = observers.get(key) ?? calls.labels(method, code);
      observers.set(key, observer);
      observer.observe(seconds);
    },
    issued: (profile) => issued.inc({ profile }),
    denied: (profile, reason) => denied.inc({ profile, reason }),
    revoked: (profile, kind, count) => revoked.inc({ profile, kind }, count),
    imported: (profile) => imported.inc({ profile }),
    rejected: (profile, reason) => rejected.inc({ profile, reason }),
    expressionFailed: (profile, kind, name, reason) => failed.inc({ profile, kind, name, reason }),
    limited: (limit) => limited.inc({ limit }),
    addLoad: (read) => addLoadGauges(registry, read),
    addSources(sources) {
      readSpool = addSpoolGauges(registry, sources);
      addRotationGauge(registry, sources);
      addSettingsGauge(registry, sources);
      addCacheCounter(registry, sources);
      addReplicaGauges(registry, sources);
    },
    async render() {
      await readSpool();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function addLoadGauges(registry: Registry, read: Parameters<Metrics["addLoad"]>[0]): void {
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge("signet_grpc_connections", "Open gRPC connections.", () => read().connections);
  gauge("signet_grpc_open_calls", "Open gRPC calls and streams.", () => read().openCalls);
}

function addRotationGauge(registry: Registry, sources: MetricSources): void {
  new Gauge({
    name: "signet_next_rotation_seconds",
    help: "Seconds until the next key of the keyset signs.",
    labelNames: ["keyset"] as const,
    registers: [registry],
    collect() {
      for (const { keyset, seconds } of sources.rotation()) this.set({ keyset }, seconds);
    },
  });
}

function addSettingsGauge(registry: Registry, sources: MetricSources): void {
  new Gauge({
    name: "signet_nats_settings",
    help: "Settings of the bucket or the audit stream that stop issuing (refused) or should be changed (alarm).",
    labelNames: ["stream", "verdict"] as const,
    registers: [registry],
    collect() {
      for (const { stream, verdict, count } of sources.settings()) this.set({ stream, verdict }, count);
    },
  });
}

function addCacheCounter(registry: Registry, { verifyCache }: MetricSources): void {
  new Counter({
    name: "signet_verify_cache_total",
    help: "Tokens that were presented, by whether their signature was known to be good (hit) or not (miss).",
    labelNames: ["result"] as const,
    registers: [registry],
    collect() {
      this.reset();
      this.inc({ result: "hit" }, verifyCache.hits);
      this.inc({ result: "miss" }, verifyCache.misses);
    },
  });
}

/** Returns a function that updates the gauges together, so that they show one moment. It never rejects. */
function addSpoolGauges(registry: Registry, sources: MetricSources): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const events = gauge("signet_audit_spool_events", "Audit events that NATS has not acknowledged yet.");
  const bytes = gauge(
    "signet_audit_spool_bytes",
    "Size of the audit spool on disk, including acknowledged events that are still retained.",
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

function addReplicaGauges(registry: Registry, sources: MetricSources): void {
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
  gauge("signet_replicas_live", "Live replicas that share this one's state, including this one.", ({ live }) => live);
  gauge("signet_replicas_late", "Live replicas that do not hold the newest epoch of every keyset.", ({ late }) => late);
  gauge(
    "signet_state_age_seconds",
    "Seconds since the last contact with the shared state: how old this replica's view may be.",
    ({ storeAgeSeconds }) => storeAgeSeconds,
  );
  gauge(
    "signet_clock_offset_seconds",
    "How far the clock of the shared state is ahead of this one.",
    ({ clockOffsetSeconds }) => clockOffsetSeconds,
  );
}
