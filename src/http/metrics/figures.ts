import { Counter, Gauge, type Registry } from "prom-client";
import type { Declaration } from "./counted.ts";

/** What is read at each scrape, part by part. A part that throws or rejects leaves its metrics out of the answer. */
export interface MetricSources {
  /** What clients hold open. */
  load(): { readonly connections: number; readonly openCalls: number };
  /** For each kind of reason why new callers can't get tokens, how many there are. */
  obstacles(): Readonly<Record<string, number>>;
  spool(): Promise<{
    readonly events: number;
    readonly bytes: number;
    /** The size at which events of tokens are refused. */
    readonly limitBytes: number;
    readonly oldestAgeSeconds: number;
    /** How many events were ever stored in this data folder. */
    readonly stored: number;
  }>;
  /** The audit stream at its last inspection, and what the operator wants of it. Undefined is what is not known or set. */
  auditStream(): {
    readonly bytes?: number | undefined;
    readonly messages?: number | undefined;
    /** At how many bytes it takes no event. */
    readonly limitBytes?: number | undefined;
    readonly oldestAgeSeconds: number | undefined;
    readonly targetSeconds: number | undefined;
    readonly targetBytes: number | undefined;
  };
  /** The last checkpoint of the audit log that NATS has. Undefined: none since the start. */
  checkpoint(): { readonly size: number; readonly ageSeconds: number } | undefined;
  /** How many audit logs the installation has in each state. Undefined until the state was read. */
  writers(): Readonly<Record<string, number>> | undefined;
  /** How many signatures were found in the cache (hits), and how many had to be verified (misses). */
  verifyCache(): { readonly hits: number; readonly misses: number };
  /** What has become of spans. Absent where there are no traces. */
  spans(): { readonly exported: number; readonly failed: number; readonly dropped: number };
  /** The sessions that are open, at whichever replica, and the gateways that hold them. */
  sessions(): { readonly open: number; readonly gateways: number };
  /** When the next key takes over, in Unix milliseconds: in the past while it is late, 0 when none is planned. */
  rotations(): readonly { readonly keyset: string; readonly at: number }[];
  /** The validity of each certificate, in Unix milliseconds, by its place in the configuration. Empty without TLS. */
  certificates(): readonly { readonly place: string; readonly notBefore: number; readonly expires: number }[];
  /** How many settings of a stream of NATS were found wrong. Empty without NATS. */
  settings(): readonly { readonly stream: string; readonly verdict: string; readonly count: number }[];
  /** Undefined for a single process, which has no replicas. */
  replicas(): ReplicaFigures | undefined;
}

interface ReplicaFigures {
  readonly live: number;
  /** Live replicas that do not hold the newest epoch of every keyset. */
  readonly late: number;
  readonly stateAgeSeconds: number;
  readonly maxOfflineSeconds: number;
  readonly clockOffsetSeconds: number;
  readonly clockSkewSeconds: number;
}

/** The answers of one scrape. */
type Figures = { readonly [Part in keyof MetricSources]?: Awaited<ReturnType<MetricSources[Part]>> | undefined };

/** The values of the labels, in their order, and the value. */
type Sample = readonly [labels: readonly string[], value: number];

interface ReadMetric extends Declaration {
  readonly type: "gauge" | "counter";
  readonly read: (figures: Figures) => readonly Sample[];
}

/** Has no sample while `read` returns undefined. */
function single(
  type: ReadMetric["type"],
  name: string,
  help: string,
  read: (figures: Figures) => number | undefined,
): ReadMetric {
  return {
    type,
    name,
    help,
    labels: [],
    read(figures) {
      const value = read(figures);
      return value === undefined ? [] : [[[], value]];
    },
  };
}

const SPAN_RESULTS = ["exported", "failed", "dropped"] as const;

export const READ_METRICS: readonly ReadMetric[] = [
  single("gauge", "signet_grpc_connections", "Open gRPC connections.", ({ load }) => load?.connections),
  single("gauge", "signet_grpc_open_calls", "Open gRPC calls and streams.", ({ load }) => load?.openCalls),
  {
    type: "gauge",
    name: "signet_obstacles",
    help: "Reasons why new callers can't get tokens, by kind; all are 0 while /readyz answers 200.",
    labels: ["kind"],
    read: ({ obstacles = {} }) => Object.entries(obstacles).map(([kind, count]) => [[kind], count]),
  },
  single("counter", "signet_audit_events_total", "Audit events that were stored.", ({ spool }) => spool?.stored),
  single(
    "gauge",
    "signet_audit_spool_events",
    "Audit events that NATS has not acknowledged yet.",
    ({ spool }) => spool?.events,
  ),
  single(
    "gauge",
    "signet_audit_spool_bytes",
    "Size of the audit spool on disk, including acknowledged events that are still retained.",
    ({ spool }) => spool?.bytes,
  ),
  single(
    "gauge",
    "signet_audit_spool_limit_bytes",
    "Size of the audit spool at which no tokens are issued.",
    ({ spool }) => spool?.limitBytes,
  ),
  single(
    "gauge",
    "signet_audit_spool_oldest_age_seconds",
    "Age of the oldest audit event that NATS has not acknowledged; 0 when there is none.",
    ({ spool }) => spool?.oldestAgeSeconds,
  ),
  single("gauge", "signet_audit_stream_bytes", "Size of the audit stream.", ({ auditStream }) => auditStream?.bytes),
  single(
    "gauge",
    "signet_audit_stream_messages",
    "Messages of the audit stream, with checkpoints.",
    ({ auditStream }) => auditStream?.messages,
  ),
  single(
    "gauge",
    "signet_audit_stream_limit_bytes",
    "Size at which the audit stream takes no event, by its own limit or the account's. Absent where there is none.",
    ({ auditStream }) => auditStream?.limitBytes,
  ),
  single(
    "gauge",
    "signet_audit_stream_oldest_age_seconds",
    "Time since the oldest message of the audit stream was stored; 0 when there is none.",
    ({ auditStream }) => auditStream?.oldestAgeSeconds,
  ),
  single(
    "gauge",
    "signet_audit_retention_bytes",
    "Size above which the audit stream should be archived (audit.retention.max_bytes).",
    ({ auditStream }) => auditStream?.targetBytes,
  ),
  single(
    "gauge",
    "signet_audit_retention_seconds",
    "Age above which events should be archived (audit.retention.max_age).",
    ({ auditStream }) => auditStream?.targetSeconds,
  ),
  single(
    "gauge",
    "signet_audit_checkpoint_size",
    "Audit events that the last published checkpoint covers; no sample before the first one since the start.",
    ({ checkpoint }) => checkpoint?.size,
  ),
  single(
    "gauge",
    "signet_audit_checkpoint_age_seconds",
    "Time since the last checkpoint of the audit log was published; no sample before the first one since the start.",
    ({ checkpoint }) => checkpoint?.ageSeconds,
  ),
  {
    type: "gauge",
    name: "signet_audit_writers",
    help: "Audit logs of the installation: of replicas that write or will (active), closed for good, or lost (retired).",
    labels: ["state"],
    read: ({ writers = {} }) => Object.entries(writers).map(([state, count]) => [[state], count]),
  },
  {
    type: "counter",
    name: "signet_verify_cache_lookups_total",
    help: "Tokens that were presented, by whether their signature was known to be good (hit) or not (miss).",
    labels: ["result"],
    read: ({ verifyCache: cache }) =>
      cache ? [[["hit"], cache.hits] as const, [["miss"], cache.misses] as const] : [],
  },
  {
    type: "counter",
    name: "signet_trace_spans_total",
    help: "Spans of traces, by whether they were exported, failed (not taken by the collector) or dropped (queue full).",
    labels: ["result"],
    read: ({ spans }) => (spans ? SPAN_RESULTS.map((result) => [[result], spans[result]] as const) : []),
  },
  single(
    "gauge",
    "signet_sessions_open",
    "Sessions that are open, whichever replica opened them.",
    ({ sessions }) => sessions?.open,
  ),
  single("gauge", "signet_session_gateways", "Gateways that hold a lease.", ({ sessions }) => sessions?.gateways),
  {
    type: "gauge",
    name: "signet_next_rotation_timestamp_seconds",
    help: "When the next key of the keyset takes over: in the past while it is late, 0 when no next key is planned.",
    labels: ["keyset"],
    read: ({ rotations = [] }) => rotations.map(({ keyset, at }) => [[keyset], at / 1000]),
  },
  {
    type: "gauge",
    name: "signet_certificate_expiry_timestamp_seconds",
    help: "When the certificate in use expires, by its place in the configuration; of CAs, when the first does.",
    labels: ["place"],
    read: ({ certificates = [] }) => certificates.map(({ place, expires }) => [[place], expires / 1000]),
  },
  {
    type: "gauge",
    name: "signet_certificate_not_before_timestamp_seconds",
    help: "When the validity of the same certificate begins (notBefore), by its place in the configuration.",
    labels: ["place"],
    read: ({ certificates = [] }) => certificates.map(({ place, notBefore }) => [[place], notBefore / 1000]),
  },
  {
    type: "gauge",
    name: "signet_nats_settings",
    help: "Settings of a bucket or the audit stream that stop what needs it (refused) or should be changed (alarm).",
    labels: ["stream", "verdict"],
    read: ({ settings = [] }) => settings.map(({ stream, verdict, count }) => [[stream, verdict], count]),
  },
  single(
    "gauge",
    "signet_replicas_live",
    "Live replicas that share this one's state, including this one.",
    ({ replicas }) => replicas?.live,
  ),
  single(
    "gauge",
    "signet_replicas_late",
    "Live replicas that do not hold the newest epoch of every keyset.",
    ({ replicas }) => replicas?.late,
  ),
  single(
    "gauge",
    "signet_state_age_seconds",
    "Time since the last contact with the shared state: how old this replica's view may be.",
    ({ replicas }) => replicas?.stateAgeSeconds,
  ),
  single(
    "gauge",
    "signet_state_age_limit_seconds",
    "Age of the view at which this replica issues nothing (state.max_offline).",
    ({ replicas }) => replicas?.maxOfflineSeconds,
  ),
  single(
    "gauge",
    "signet_clock_offset_seconds",
    "How far the clock of the shared state is ahead of this one.",
    ({ replicas }) => replicas?.clockOffsetSeconds,
  ),
  single(
    "gauge",
    "signet_clock_offset_limit_seconds",
    "Offset, in either direction, above which this replica issues nothing (rotation.clock_skew).",
    ({ replicas }) => replicas?.clockSkewSeconds,
  ),
];

/** Registers the metrics. The returned function reads all sources and updates them together; it never rejects. */
export function createReadMetrics(registry: Registry): (sources: Partial<MetricSources>) => Promise<void> {
  const metrics = READ_METRICS.map(({ type, name, help, labels, read }) => {
    const metric = new (type === "gauge" ? Gauge : Counter)({ name, help, labelNames: labels, registers: [registry] });
    return { metric, labels, read };
  });
  return async (sources) => {
    const figures = await readAll(sources);
    for (const { metric, labels, read } of metrics) {
      metric.reset();
      // A metric without labels is 0 after a reset, not absent.
      if (labels.length === 0) metric.remove();
      for (const [values, value] of read(figures)) metric.labels(...values).inc(value);
    }
  };
}

async function readAll(sources: Partial<MetricSources>): Promise<Figures> {
  const answers = Object.entries(sources).map(async ([part, read]) => [part, await readOne(read)] as const);
  return Object.fromEntries(await Promise.all(answers));
}

async function readOne(read: () => unknown): Promise<unknown> {
  try {
    return await read();
  } catch {
    return undefined;
  }
}
