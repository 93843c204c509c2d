import type { ProfileSet } from "../profile/keysets.ts";
import type { RawConfig } from "./schema.ts";

/** The configuration, validated: nothing in it is left to check. Durations in milliseconds. */
export interface Config extends ProfileSet {
  /** What was read, with defaults and overrides: to show and to compare. It holds no secret. */
  readonly effective: RawConfig;
  readonly data: string;
  readonly grpc: {
    readonly address: string;
    readonly maxConcurrentStreams: number;
    readonly maxMessageBytes: number;
    readonly maxConnectionIdleMs: number;
    readonly maxConnectionAgeMs: number;
    readonly keepaliveMs: number;
  };
  readonly http: { readonly address: string };
  /** Undefined: events stay in the spool. */
  readonly nats:
    | { readonly url: string; readonly replicas: number; readonly syncInterval: number | "always" }
    | undefined;
  readonly state: {
    /** "nats": shared by all replicas; then `nats` is defined. */
    readonly store: "file" | "nats";
    /** Whether this replica may make the first keys of all where it finds no state. */
    readonly firstStart: boolean;
    /** How long it issues without having heard of the shared state. */
    readonly maxOfflineMs: number;
  };
  readonly kek: { readonly file: string; readonly previous: string | undefined; readonly create: boolean };
  /** The most that a clock may differ from that of the shared state. */
  readonly clockSkewMs: number;
  readonly verifyEvery: number;
  /** How many verified tokens are remembered; 0: none. */
  readonly verifyCacheEntries: number;
  readonly spoolMaxBytes: number;
  readonly logLevel: RawConfig["log"]["level"];
  readonly graceMs: number;
}
