import { join } from "node:path";
import { jwksMaxAge } from "../keys/rotating/policy.ts";
import type { ProfileSet } from "../profile/keysets.ts";
import { formatDuration, msOf } from "../schema/duration.ts";
import { rotationPolicy } from "./keysets.ts";
import type { RawConfig } from "./schema.ts";

/** The validated configuration: nothing in it is left to check. Durations in milliseconds. */
export type Config = ReturnType<typeof buildConfig>;

/** Turns a configuration without faults into what the service works with. `warnings` are for the operator. */
export function buildConfig(raw: RawConfig, { profiles, keysets, retired }: ProfileSet, warnings: readonly string[]) {
  const { grpc, nats, state, kek } = raw;
  const kekFile = kek.file || join(raw.data, "kek");
  return {
    /** What was read, with defaults and overrides: to print and to compare. It contains no secret. */
    effective: {
      ...raw,
      kek: { ...kek, file: kekFile },
      rotation: { ...raw.rotation, lead: formatDuration(rotationPolicy(raw.rotation).lead) },
    },
    warnings,
    profiles,
    keysets,
    retired,
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
      maxConnectionIdleMs: msOf(grpc.max_connection_idle),
      maxConnectionAgeMs: msOf(grpc.max_connection_age),
      keepaliveMs: msOf(grpc.keepalive),
      youngCalls: grpc.young_calls,
    },
    http: { address: raw.http.address, maxConnections: raw.http.max_connections },
    /** Undefined: events stay in the spool. */
    nats: nats.url ? { url: nats.url, replicas: nats.replicas, syncInterval: syncInterval(nats) } : undefined,
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
    /** How many verified tokens are remembered; 0: none. */
    verifyCacheEntries: raw.verify.cache_entries,
    spoolMaxBytes: raw.audit.spool_max_bytes,
    logLevel: raw.log.level,
    drainMs: msOf(raw.shutdown.drain),
    graceMs: msOf(raw.shutdown.grace),
  } as const;
}

function syncInterval({ sync_interval: interval }: RawConfig["nats"]): number | "always" {
  return interval === "always" ? interval : msOf(interval);
}
