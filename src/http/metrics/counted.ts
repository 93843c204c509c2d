import { Counter, Histogram, type Registry } from "prom-client";

/** A metric as it is declared. The name and the labels are API: rules and dashboards use them. */
export interface Declaration {
  readonly name: string;
  readonly help: string;
  /** The values of a label are few: profiles, reasons and other words of the configuration or the contract. */
  readonly labels: readonly string[];
}

/** The duration of calls, named by OpenTelemetry's semantic conventions for RPC. */
export const CALL_DURATION = {
  name: "rpc_server_call_duration_seconds",
  help: "Duration of gRPC calls by method and status; its count is the number of calls.",
  labels: ["rpc_system_name", "rpc_method", "rpc_response_status_code"],
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
} as const;

/** What is counted as it happens. */
export const COUNTERS = {
  issued: {
    name: "signet_tokens_issued_total",
    help: "Tokens that left the service, by profile.",
    labels: ["profile"],
  },
  withheld: {
    name: "signet_tokens_withheld_total",
    help: "Tokens of strict profiles that were signed and not returned, by profile and reason.",
    labels: ["profile", "reason"],
  },
  denied: {
    name: "signet_tokens_denied_total",
    help: "Requests for a token that were refused, by profile (empty if it is unknown) and reason.",
    labels: ["profile", "reason"],
  },
  rejected: {
    name: "signet_tokens_rejected_total",
    help: "Tokens that were presented and are not valid, by profile and reason.",
    labels: ["profile", "reason"],
  },
  accessDenied: {
    name: "signet_access_denied_total",
    help: "Calls that were denied, by method (empty before the policy is asked) and reason.",
    labels: ["method", "reason"],
  },
  shadowDiffers: {
    name: "signet_shadow_differences_total",
    help:
      "Calls that the shadow policy would have decided differently, by difference (would_deny or would_allow), group " +
      "and method.",
    labels: ["difference", "group", "method"],
  },
  rateLimited: {
    name: "signet_rate_limited_total",
    help: "Calls and tokens that were refused as RATE_LIMITED, by limit and profile.",
    labels: ["limit", "profile"],
  },
  limited: {
    name: "signet_limited_total",
    help: "Connections closed and calls ended because clients took too much, by the configuration key of the limit.",
    labels: ["limit"],
  },
  sessionOpened: {
    name: "signet_sessions_opened_total",
    help: "Sessions that this replica has opened, by profile.",
    labels: ["profile"],
  },
  sessionClosed: {
    name: "signet_sessions_closed_total",
    help: "Sessions whose slots this replica has freed, by profile and reason.",
    labels: ["profile", "reason"],
  },
  revoked: {
    name: "signet_revocations_total",
    help: "Revocations that this replica has stored, by profile and kind (token or subject).",
    labels: ["profile", "kind"],
  },
  imported: {
    name: "signet_keys_imported_total",
    help: "Keys that were imported on this replica, by profile.",
    labels: ["profile"],
  },
  expressionFailed: {
    name: "signet_expression_errors_total",
    help:
      "Expressions of profiles and of the policy that failed or gave no boolean, by profile, kind (claim, warning, " +
      "rule or condition), the claim's name, the warning's code, the rule's number in its file, from 0, or the place " +
      "of the policy's rule, and reason (failed or too_costly).",
    labels: ["profile", "kind", "name", "reason"],
  },
  logged: {
    name: "signet_log_events_total",
    help: "Events of the levels warn and error, whatever log.level is.",
    labels: ["event"],
  },
} as const satisfies Readonly<Record<string, Declaration>>;

/** Registers the histogram. The returned function costs less than a microsecond, because each call makes one. */
export function createCallDuration(registry: Registry): (method: string, code: string, seconds: number) => void {
  const { labels, ...declared } = CALL_DURATION;
  const calls = new Histogram({
    ...declared,
    labelNames: labels,
    buckets: [...CALL_DURATION.buckets],
    registers: [registry],
  });
  const observers = new Map<string, ReturnType<typeof calls.labels>>();
  return (method, code, seconds) => {
    // Looking up a child by its labels costs more than observing a value, so each is looked up once.
    const key = `${method} ${code}`;
    const observer = observers.get(key) ?? calls.labels("grpc", method, code);
    observers.set(key, observer);
    observer.observe(seconds);
  };
}

/** Adds to a counter, which has these values of its labels, in their order. */
export type Count = (counter: keyof typeof COUNTERS, values: readonly string[], by?: number) => void;

export function createCounters(registry: Registry): Count {
  const counters = new Map<string, Counter>();
  for (const [key, { name, help, labels }] of Object.entries(COUNTERS))
    counters.set(key, new Counter({ name, help, labelNames: labels, registers: [registry] }));
  return (counter, values, by = 1) =>
    counters
      .get(counter)
      ?.labels(...values)
      .inc(by);
}
