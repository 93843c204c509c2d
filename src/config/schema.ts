import type { Static } from "typebox";
import { ISSUER_ALGORITHMS } from "../keys/model.ts";
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

const OPTIONAL_FILE = { type: "string", allowed: "a file, or empty", default: "" } as const;

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

const FILE = { type: "string", allowed: "a file, or empty", default: "" } as const;
const AUDIENCE = { type: "string", minLength: 1, maxLength: 255 } as const;
const HTTPS_URL = { type: "string", pattern: "^https://[!-~]+$", not: { pattern: "[@#]" } } as const;
const TRUST_DOMAIN = { type: "string", maxLength: 255, allowed: "a SPIFFE trust domain such as example.org" } as const;

/** A certificate, its private key, and the oldest version of TLS that is spoken with them. */
const TLS = {
  cert: FILE,
  key: FILE,
  // Without quotes, YAML reads a number.
  min_version: { type: "string", enum: ["1.3", "1.2"], allowed: '"1.3" or "1.2", in quotes', default: "1.3" },
} as const;

/** An issuer whose tokens prove callers. */
const ISSUER = objectSchema(
  {
    issuer: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]+$", allowed: "the iss of its tokens" },
    audience: AUDIENCE,
    algorithms: { type: "array", minItems: 1, uniqueItems: true, items: { enum: ISSUER_ALGORITHMS } },
    jwks: {
      anyOf: [{ const: "" }, HTTPS_URL],
      allowed: "an https URL without user and fragment, or empty",
      default: "",
    },
    discovery: { type: "boolean", allowed: "true or false", default: false },
    file: FILE,
    ca_file: FILE,
    token_file: FILE,
    jwks_hosts: {
      type: "array",
      uniqueItems: true,
      items: { type: "string", pattern: "^[A-Za-z0-9.-]+(:\\d{1,5})?$", allowed: "host or host:port" },
      default: [],
    },
  },
  ["issuer", "audience", "algorithms"],
);

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
      pattern: "^(unix:(//)?/[^/].*|.+:\\d{1,5})$",
      not: { pattern: "^unix:(//)?[^/]" },
      default: "127.0.0.1:50051",
    },
    max_connections: { type: "integer", minimum: 1, maximum: 1_000_000, default: 1000 },
    max_open_calls: { type: "integer", minimum: 1, maximum: 1_000_000, default: 4000 },
    max_concurrent_streams: { type: "integer", minimum: 1, maximum: 100_000, default: 100 },
    max_message_bytes: { type: "integer", minimum: 16_384, maximum: 16_777_216, default: 2_097_152 },
    max_unread_bytes: { type: "integer", minimum: 65_536, maximum: LARGEST_BUFFER, default: 1_048_576 },
    max_buffered_bytes: { type: "integer", minimum: 1_048_576, maximum: LARGEST_BUFFER, default: 33_554_432 },
    max_deadline: { ...DURATION, durationFrom: ["1s", "1h"], default: "60s" },
    max_connection_idle: { ...CONNECTION_TIMER, default: "30m" },
    max_connection_age: { ...CONNECTION_TIMER, default: "24h" },
    keepalive: { ...CONNECTION_TIMER, default: "60s" },
    // Replaces private state of Node's HTTP/2 and sets a V8 flag: an operator whose Node can't bear that turns it off.
    young_calls: { type: "boolean", allowed: "true or false", default: true },
    // Empty: plaintext, on loopback or a Unix socket.
    tls: section({
      source: { type: "string", enum: ["", "files", "spiffe"], default: "" },
      ...TLS,
      client_ca: FILE,
    }),
  }),
  callers: section({
    // Those whose SPIFFE IDs client certificates may have; empty: none, and a certificate names a caller by DNS.
    trust_domains: {
      type: "array",
      uniqueItems: true,
      items: { ...TRUST_DOMAIN, pattern: "^[a-z0-9._-]+$" },
      default: [],
    },
    jwt_svid: section({
      trust_domain: {
        ...TRUST_DOMAIN,
        pattern: "^[a-z0-9._-]*$",
        allowed: `${TRUST_DOMAIN.allowed}, or empty`,
        default: "",
      },
      audience: { type: "string", maxLength: 255, default: "" },
      bundle: FILE,
    }),
    // By alias, which becomes a part of the names of callers.
    issuers: {
      type: "object",
      propertyNames: { type: "string", maxLength: 64, pattern: "^[a-z0-9-]+$", allowed: "1 to 64 of a-z 0-9 -" },
      additionalProperties: ISSUER,
      default: {},
    },
  }),
  // The SPIFFE Workload API; empty: where SPIFFE_ENDPOINT_SOCKET says.
  spiffe: section({
    socket: { type: "string", pattern: "^(unix:(//)?/[^/].*)?$", allowed: "unix:/path, or empty", default: "" },
  }),
  http: section({
    address: { ...ADDRESS, default: "127.0.0.1:8081" },
    // A listener of their own for probes and metrics; empty: they are at http.address.
    internal_address: { ...ADDRESS, allowed: "host:port, or empty", pattern: "^(.+:\\d{1,5})?$", default: "" },
    tls: section(TLS),
    max_connections: { type: "integer", minimum: 1, maximum: 1_000_000, default: 1000 },
  }),
  nats: section({
    // No user and password: a secret in a file or the environment ends up in logs and process lists.
    url: {
      type: "string",
      pattern: "^((nats|tls)://[^@/, ]+:\\d{1,5}(,(nats|tls)://[^@/, ]+:\\d{1,5})*)?$",
      allowed: "nats://host:port or tls://host:port without user and password, several of them with commas, or empty",
      default: "nats://127.0.0.1:4222",
    },
    tls: section({ ca: OPTIONAL_FILE, cert: OPTIONAL_FILE, key: OPTIONAL_FILE }),
    creds: OPTIONAL_FILE,
    nkey: OPTIONAL_FILE,
    user_file: OPTIONAL_FILE,
    password_file: OPTIONAL_FILE,
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
  // Who may do what; without a policy, callers on this machine may do everything.
  access: section({
    policy: { type: "string", allowed: "a file, or empty", default: "" },
    shadow: { type: "string", allowed: "a file, or empty", default: "" },
  }),
  signing: section({
    verify_every: { type: "integer", minimum: 1, default: 1000 },
    // An add-on of Node runs in the process of the keys: an operator who can't have that turns it off.
    ed25519: { type: "string", enum: ["auto", "openssl"], default: "auto" },
  }),
  verify: section({ cache_entries: { type: "integer", minimum: 0, maximum: 1_000_000, default: 10_000 } }),
  audit: section({
    spool_max_bytes: { type: "integer", minimum: 67_108_864, default: 4_294_967_296 },
    // What the archiver should keep the stream below: for alarms alone, since a limit of the stream would stop issuing.
    retention: section({
      max_age: { anyOf: [{ const: "" }, DURATION], default: "" },
      max_bytes: { type: "integer", minimum: 0, default: 0 },
    }),
  }),
  // Empty endpoint: no traces.
  traces: section({
    endpoint: {
      type: "string",
      pattern: "^(https?://[!-~]+)?$",
      not: { pattern: "[@?#]" },
      allowed: "an http or https URL without user, query and fragment, or empty",
      default: "",
    },
    headers_file: OPTIONAL_FILE,
    ca_file: OPTIONAL_FILE,
    cert_file: OPTIONAL_FILE,
    key_file: OPTIONAL_FILE,
    sample_ratio: { type: "number", minimum: 0, maximum: 1, default: 0.01 },
    caller_sampled_per_second: { type: "integer", minimum: 0, maximum: 100_000, default: 10 },
  }),
  log: section({ level: { enum: ["debug", "info", "warn", "error", "silent"], default: "info" } }),
  shutdown: section({
    // How long callers that ask for the health may take to notice the stop, while all calls are still answered.
    drain: { ...DURATION, durationFrom: ["0s", "1h"], default: "0s" },
    grace: { ...DURATION, durationFrom: ["0s", LONGEST_TIMER], default: "10s" },
  }),
});

/** The configuration as written, with defaults and overrides filled in. */
export type RawConfig = Static<typeof CONFIG_SCHEMA>;
