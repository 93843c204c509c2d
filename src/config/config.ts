import { join } from "node:path";
import type { RuleSet } from "../access/rule-set.ts";
import { jwksMaxAge } from "../keys/rotating/policy.ts";
import { formatDuration, msOf } from "../schema/duration.ts";
import { rotationPolicy } from "./keysets.ts";
import { natsAccess } from "./nats.ts";
import type { RawConfig } from "./schema.ts";

/** The validated configuration: nothing in it is left to check. Durations in milliseconds. */
export type Config = ReturnType<typeof buildConfig>;

/** Turns a configuration without faults into what the service works with. `warnings` are for the operator. */
export function buildConfig(raw: RawConfig, rules: RuleSet, warnings: readonly string[]) {
  const { grpc, http, nats, state, kek } = raw;
  const kekFile = kek.file || join(raw.data, "kek");
  return {
    /** What was read, with defaults and overrides: to print and to compare. It contains no secret. */
    effective: {
      ...raw,
      kek: { ...kek, file: kekFile },
      rotation: { ...raw.rotation, lead: formatDuration(rotationPolicy(raw.rotation).lead) },
    },
    warnings,
    ...rules,
    /** How long a verifier may cache the JWKS. */
    jwksMaxAgeSeconds: jwksMaxAge(rotationPolicy(raw.rotation)),
    data: raw.data,
    grpc: {
      address: grpc.address,
      maxConnections: grpc.max_connections,
      maxOpenCalls: grpc.max_open_calls,
      maxConcurrentStreams: grpc.max_concurrent_streams,
      maxMessageBytes: grpc.max_message_bytes,
      maxUnreadBytes: grpc.max_unread_bytes,
      maxBufferedBytes: grpc.max_buffered_bytes,
      maxDeadlineMs: msOf(grpc.max_deadline),
      maxConnectionIdleMs: msOf(grpc.max_connection_idle),
      maxConnectionAgeMs: msOf(grpc.max_connection_age),
      keepaliveMs: msOf(grpc.keepalive),
      youngCalls: grpc.young_calls,
      /** Undefined: plaintext, at a Unix socket or on loopback. Without files: by the SPIFFE Workload API. */
      tls: tlsOf(grpc.tls),
    },
    callers: callersOf(raw.callers),
    spiffeSocket: raw.spiffe.socket,
    http: {
      address: http.address,
      /** Undefined: probes and metrics are at `address`. */
      internalAddress: http.internal_address || undefined,
      maxConnections: http.max_connections,
      tls: http.tls.cert ? { cert: http.tls.cert, key: http.tls.key, minVersion: http.tls.min_version } : undefined,
    },
    /** Undefined: events stay in the spool. */
    nats: nats.url
      ? { url: nats.url, access: natsAccess(nats), replicas: nats.replicas, syncInterval: syncInterval(nats) }
      : undefined,
    state: {
      /** "nats": shared by all replicas; `nats` is then defined. */
      store: state.store,
      /** Whether this replica may create the very first keys when it finds no state. */
      firstStart: state.first_start,
      /** How long it goes on issuing without contact to the shared state. */
      maxOfflineMs: msOf(state.max_offline),
    },
    kek: { file: kekFile, previous: kek.previous || undefined, create: kek.create },
    /** The most that a clock may differ from the clock of the shared state. */
    clockSkewMs: msOf(raw.rotation.clock_skew),
    verifyEvery: raw.signing.verify_every,
    /** Which library signs and verifies with Ed25519; "auto": libsodium where it is installed. */
    ed25519: raw.signing.ed25519,
    /** How many verified tokens are remembered; 0: none. */
    verifyCacheEntries: raw.verify.cache_entries,
    spoolMaxBytes: raw.audit.spool_max_bytes,
    retention: retentionOf(raw.audit.retention),
    traces: tracesOf(raw.traces),
    logLevel: raw.log.level,
    drainMs: msOf(raw.shutdown.drain),
    graceMs: msOf(raw.shutdown.grace),
  } as const;
}

function tlsOf({ source, cert, key, client_ca: clientCa, min_version: minVersion }: RawConfig["grpc"]["tls"]) {
  if (source === "") return undefined;
  return source === "spiffe" ? { minVersion } : { cert, key, clientCa: clientCa || undefined, minVersion };
}

/** Above which age and size the audit stream should be archived. Undefined: no alarm is wanted. */
function retentionOf({ max_age: maxAge, max_bytes: maxBytes }: RawConfig["audit"]["retention"]) {
  return { maxAgeMs: maxAge === "" ? undefined : msOf(maxAge), maxBytes: maxBytes || undefined };
}

/** Where traces go. Undefined: there are none. */
function tracesOf(traces: RawConfig["traces"]) {
  if (traces.endpoint === "") return undefined;
  return {
    endpoint: traces.endpoint,
    headersFile: traces.headers_file || undefined,
    caFile: traces.ca_file || undefined,
    certFile: traces.cert_file || undefined,
    keyFile: traces.key_file || undefined,
    ratio: traces.sample_ratio,
    callerSampledPerSecond: traces.caller_sampled_per_second,
  };
}

/** Whose tokens prove callers. Undefined stands for what is not configured. */
function callersOf({ jwt_svid: svid, issuers, trust_domains: trustDomains }: RawConfig["callers"]) {
  return {
    /** Those whose SPIFFE IDs client certificates may have. */
    trustDomains: new Set(trustDomains),
    jwtSvid:
      svid.trust_domain === ""
        ? undefined
        : { trustDomain: svid.trust_domain, audience: svid.audience, bundle: svid.bundle || undefined },
    issuers: Object.entries(issuers).map(([alias, one]) => ({
      alias,
      issuer: one.issuer,
      audience: one.audience,
      algorithms: one.algorithms,
      /** Undefined: its keys are fetched. */
      file: one.file || undefined,
      /** Undefined: the discovery document names it. */
      jwks: one.jwks || undefined,
      caFile: one.ca_file || undefined,
      tokenFile: one.token_file || undefined,
      jwksHosts: one.jwks_hosts,
    })),
  };
}

function syncInterval({ sync_interval: interval }: RawConfig["nats"]): number | "always" {
  return interval === "always" ? interval : msOf(interval);
}
