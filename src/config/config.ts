import type { KeyPolicy } from "../keyring/bounds.ts";
import type { KeysetAlgorithm } from "../keyring/record.ts";
import type { Profile } from "../profile/profile.ts";
import type { RawConfig } from "./config-schema.ts";

/** The configuration, validated: nothing in it is left to check. Durations in milliseconds. */
export interface Config {
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
  readonly kek: { readonly file: string; readonly previous: string | undefined; readonly create: boolean };
  /** By profile name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The rotating keysets that the profiles name. */
  readonly keysets: readonly {
    readonly name: string;
    readonly algorithm: KeysetAlgorithm;
    readonly policy: KeyPolicy;
  }[];
  readonly verifyEvery: number;
  readonly spoolMaxBytes: number;
  readonly logLevel: RawConfig["log"]["level"];
  readonly graceMs: number;
}
