import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { createCallDuration, createCounters } from "./counted.ts";
import { type Exposition, exposition } from "./exposition.ts";
import { createReadMetrics, type MetricSources } from "./figures.ts";

/** What the service counts, and what is read when it is scraped. */
export interface Metrics {
  call(method: string, code: string, seconds: number): void;
  issued(profile: string): void;
  withheld(profile: string, reason: string): void;
  /** The profile is empty if it is unknown. */
  denied(profile: string, reason: string): void;
  /** A call was denied, by the policy or, with an empty method, before it was asked. */
  accessDenied(method: string, reason: string): void;
  /** The shadow policy would have decided differently. `group` is that of the rule that allows the call. */
  shadowDiffers(difference: "would_deny" | "would_allow", group: string, method: string): void;
  rejected(profile: string, reason: string): void;
  sessionOpened(profile: string): void;
  sessionClosed(profile: string, reason: string): void;
  revoked(profile: string, kind: "token" | "subject", count: number): void;
  imported(profile: string): void;
  expressionFailed(profile: string, kind: string, name: string, reason: string): void;
  /** A connection was closed or a call ended because of this limit, a key of the configuration. */
  limited(limit: string): void;
  /** `limit` is what a RATE_LIMITED names; `profile` is "" for a call without one. */
  rateLimited(limit: string, profile: string): void;
  /** `event` is the type of an event of the log. `times` 0: it did not happen yet. */
  logged(event: string, times?: number): void;
  /** Adds parts that are read at each scrape. */
  addSources(sources: Partial<MetricSources>): void;
  /** What a scraper gets that sends this `Accept`. Never rejects. */
  render(accept?: string): Promise<Exposition>;
}

/** Of the default metrics: sums over a label, which are gauges named as counters are. */
const MISNAMED = ["nodejs_active_resources_total", "nodejs_active_handles_total", "nodejs_active_requests_total"];

/** What does not change while the process runs. `ed25519`: the library that signs and verifies with it. */
type BuildInfo = Readonly<Record<(typeof BUILD_LABELS)[number], string>>;

const BUILD_LABELS = ["version", "node", "ed25519"] as const;

export function createMetrics(build: BuildInfo): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  new Gauge({
    name: "signet_build_info",
    help: "1, with the version of Signet and of Node, and the library of Ed25519.",
    labelNames: BUILD_LABELS,
    registers: [registry],
  }).set(build, 1);
  const count = createCounters(registry);
  const update = createReadMetrics(registry);
  let sources: Partial<MetricSources> = {};
  return {
    call: createCallDuration(registry),
    issued: (profile) => count("issued", [profile]),
    withheld: (profile, reason) => count("withheld", [profile, reason]),
    denied: (profile, reason) => count("denied", [profile, reason]),
    accessDenied: (method, reason) => count("accessDenied", [method, reason]),
    shadowDiffers: (difference, group, method) => count("shadowDiffers", [difference, group, method]),
    rejected: (profile, reason) => count("rejected", [profile, reason]),
    sessionOpened: (profile) => count("sessionOpened", [profile]),
    sessionClosed: (profile, reason) => count("sessionClosed", [profile, reason]),
    revoked: (profile, kind, number) => count("revoked", [profile, kind], number),
    imported: (profile) => count("imported", [profile]),
    expressionFailed: (profile, kind, name, reason) => count("expressionFailed", [profile, kind, name, reason]),
    limited: (limit) => count("limited", [limit]),
    rateLimited: (limit, profile) => count("rateLimited", [limit, profile]),
    logged: (event, times) => count("logged", [event], times),
    addSources(added) {
      sources = { ...sources, ...added };
    },
    async render(accept = "") {
      await update(sources);
      return exposition(registry, accept);
    },
  };
}
