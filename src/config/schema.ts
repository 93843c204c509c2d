import type { Static } from "typebox";
import { objectSchema } from "../schema/object-schema.ts";

const DURATION = { type: "string", duration: true } as const;
// A timer of Node takes at most 2^31 ms (24.8 days) and fires at once when asked for more.
const LONGEST_TIMER = "24d";
const CONNECTION_TIMER = { ...DURATION, durationFrom: ["1s", LONGEST_TIMER] } as const;
const LARGEST_BUFFER = 2 ** 40;
const ADDRESS = { type: "string", allowed: "host:port", pattern: "^.+:\\d{1,5}$" } as const;
// Descriptors 1 and 2 are for output; a misspelt descriptor must not become the name of a new file.
const KEK_PLACE = {
  type: "string",
  anyOf: [{ not: { pattern: "^fd:" } }, { pattern: "^fd:(0|[3-9]|[1-9]\\d{1,5})$" }],
  allowed: "a file, or fd:N where N is 0 or at least 3",
} as const;

// Names, also in a variable: SIGNET_PROFILES_DISABLE=a,b
const PROFILE_NAMES = {
  type: "array",
  uniqueItems: true,
  items: { type: "string", pattern: "^[a-z0-9-]{1,64}$", allowed: "the name of a profile" },
} as const;

/** A group of keys that may be left out. */
function section<const P extends Readonly<Record<string, { readonly default: unknown }>>>(properties: P) {
  return { ...objectSchema(properties), default: {} } as const;
}

/** JSON Schema of the configuration file. Every key has a default; the documentation says what each means. */
export const CONFIG_SCHEMA = objectSchema({
  issuer: {
    type: "string",
    // It is in every token: no password, and nothing that two verifiers could compare differently.
    pattern: "^https?://[!-~]+$",
    not: { pattern: "[@?#]" },
    allowed: "an http or https URL without user, query and fragment",
    default: "http://127.0.0.1:8081",
  },
  data: { type: "string", minLength: 1, allowed: "a folder", default: "./data" },
  grpc: section({
    address: {
      ...ADDRESS,
      allowed: "host:port or unix:/path",
      pattern: "^(unix:.+|.+:\\d{1,5})$",
      default: "127.0.0.1:50051",
    },
    max_connections: { type: "integer", minimum: 1, maximum: 1_000_000, default: 1000 },
    max_open_calls: { type: "integer", minimum: 1, maximum: 1_000_000, default: 4000 },
    max_concurrent_streams: { type: "integer", minimum: 1, maximum: 100_000, default: 1000 },
    max_message_bytes: { type: "integer", minimum: 16_384, maximum: 16_777_216, default: 1_048_576 },
    max_unread_bytes: { type: "integer", minimum: 65_536, maximum: LARGEST_BUFFER, default: 1_048_576 },
    max_buffered_bytes: { type: "integer", minimum: 1_048_576, maximum: LARGEST_BUFFER, default: 33_554_432 },
    max_connection_idle: { ...CONNECTION_TIMER, default: "30m" },
    max_connection_age: { ...CONNECTION_TIMER, default: "24h" },
    keepalive: { ...CONNECTION_TIMER, default: "60s" },
    // Replaces private state of Node's HTTP/2 and sets a V8 flag: an operator whose Node can't bear that turns it off.
    young_calls: { type: "boolean", allowed: "true or false", default: true },
  }),
  http: section({
    address: { ...ADDRESS, default: "127.0.0.1:8081" },
    max_connections: { type: "integer", minimum: 1, maximum: 1_000_000, default: 1000 },
  }),
  nats: section({
    // No user and password: a secret in a file or the environment ends up in logs and process lists.
    url: {
      type: "string",
      pattern: "^(nats://[^@/, ]+:\\d{1,5})?$",
      allowed: "nats://host:port without user and password, or empty",
      default: "nats://127.0.0.1:4222",
    },
    replicas: { type: "integer", enum: [1, 3, 5], default: 1 },
    sync_interval: { anyOf: [{ const: "always" }, DURATION], default: "2m" },
  }),
  // The state that replicas share: a file in the data folder, for one process, or a bucket of NATS.
  state: section({
    store: { type: "string", enum: ["file", "nats"], default: "file" },
    first_start: { type: "boolean", allowed: "true or false", default: false },
    max_offline: { ...DURATION, durationFrom: ["10s", "365d"], default: "1h" },
  }),
  kek: section({
    file: { ...KEK_PLACE, default: "" },
    previous: { ...KEK_PLACE, default: "" },
    create: { type: "boolean", allowed: "true or false", default: true },
  }),
  rotation: section({
    period: { ...DURATION, default: "24h" },
    lead: { anyOf: [{ const: "" }, DURATION], default: "" },
    verifier_cache: { ...DURATION, default: "15m" },
    propagation: { ...DURATION, default: "60s" },
    stop_using: { ...DURATION, default: "60s" },
    clock_skew: { ...DURATION, default: "60s" },
    activation_delay: { ...DURATION, default: "5m" },
  }),
  // A folder with profiles in addition to those that ship; empty: none.
  profiles: section({
    folder: { type: "string", allowed: "a folder, or empty", default: "" },
    disable: { ...PROFILE_NAMES, default: [] },
    replace: { ...PROFILE_NAMES, default: [] },
  }),
  signing: section({ verify_every: { type: "integer", minimum: 1, default: 1000 } }),
  verify: section({ cache_entries: { type: "integer", minimum: 0, maximum: 1_000_000, default: 10_000 } }),
  audit: section({ spool_max_bytes: { type: "integer", minimum: 67_108_864, default: 4_294_967_296 } }),
  log: section({ level: { enum: ["debug", "info", "warn", "error", "silent"], default: "info" } }),
  shutdown: section({
    // How long callers that ask for the health may take to notice the stop, while all calls are still answered.
    drain: { ...DURATION, durationFrom: ["0s", "1h"], default: "0s" },
    grace: { ...DURATION, durationFrom: ["0s", LONGEST_TIMER], default: "10s" },
  }),
});

/** The configuration as written, with defaults and overrides filled in. */
export type RawConfig = Static<typeof CONFIG_SCHEMA>;
