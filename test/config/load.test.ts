import { join } from "node:path";
import test from "ava";
import { loadConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/schema/fault.ts";
import { faultsOf, faultTexts, filesIn } from "../support/files/config-files.ts";
import { shippedText } from "../support/profiles/profiles.ts";
import { folderWithVariant } from "../support/profiles/profiles-folder.ts";

const SECTIONS =
  "issuer, data, grpc, callers, spiffe, http, nats, state, kek, rotation, profiles, access, signing, verify, audit, traces, log, shutdown";

test("without a file every key has its default", (t) => {
  const config = loadConfig({ env: {} });
  t.like(config, {
    data: "./data",
    grpc: { address: "127.0.0.1:50051", maxConcurrentStreams: 100, maxMessageBytes: 2_097_152, keepaliveMs: 60_000 },
    http: { address: "127.0.0.1:8081", maxConnections: 1000 },
    nats: { url: "nats://127.0.0.1:4222", replicas: 1, syncInterval: 120_000 },
    state: { store: "file", firstStart: false, maxOfflineMs: 3_600_000 },
    kek: { file: "data/kek", previous: undefined, create: true },
    clockSkewMs: 60_000,
    verifyEvery: 1000,
    spoolMaxBytes: 4_294_967_296,
    logLevel: "info",
    graceMs: 10_000,
  });
  const bounds = { maxConnections: 1000, maxOpenCalls: 4000, maxUnreadBytes: 1_048_576, maxBufferedBytes: 33_554_432 };
  t.like(config.grpc, bounds);
  t.is(config.grpc.maxConnectionIdleMs, 1_800_000);
  t.is(config.grpc.maxConnectionAgeMs, 86_400_000);
});

for (const [what, text] of [
  ["an empty file", ""],
  ["a file of comments", "# nothing\n"],
  ["a section without keys", "grpc: {}\nhttp: {}\n"],
  ["a section whose keys are all comments", "grpc:\n  # address: 127.0.0.1:1\nhttp:\n"],
] as const) {
  test(`${what} is the defaults`, async (t) => {
    const file = join(await filesIn(t, { "signet.yaml": text }), "signet.yaml");
    t.deepEqual(loadConfig({ file, env: {} }).effective, loadConfig({ env: {} }).effective);
  });
}

test("what the file sets is in effect, with durations in milliseconds", async (t) => {
  const text = `
issuer: https://issuer.example
data: /var/lib/signet
grpc: { address: "unix:/run/signet.sock", max_connection_age: 1h }
http: { address: "[::1]:8081" }
nats: { url: "", sync_interval: always }
kek: { file: /run/secrets/kek, previous: /run/secrets/old, create: false }
rotation: { period: 48h, lead: 20m }
shutdown: { grace: 500ms }
`;
  const config = loadConfig({ file: join(await filesIn(t, { "a.yaml": text }), "a.yaml"), env: {} });
  t.is(config.profiles.get("service")?.issuer, "https://issuer.example");
  t.like(config, { data: "/var/lib/signet", nats: undefined, graceMs: 500 });
  t.like(config.grpc, { address: "unix:/run/signet.sock", maxConnectionAgeMs: 3_600_000 });
  t.deepEqual(config.kek, { file: "/run/secrets/kek", previous: "/run/secrets/old", create: false });
  t.like(config.keysets[0]?.policy, { period: 172_800_000, lead: 1_200_000 });
});

test("sync_interval: always stays what it is", (t) => {
  t.is(loadConfig({ env: { SIGNET_NATS_SYNC_INTERVAL: "always" } }).nats?.syncInterval, "always");
});

test("all faults come at once, each with its file, line and path", async (t) => {
  const text = `issuer: ftp://x
grpc:
  adress: 127.0.0.1:1
  max_message_bytes: lots
rotation:
  period: 1 day
nats:
  replicas: 2
colour: blue
`;
  t.deepEqual((await faultTexts(t, text)).toSorted(), [
    "FILE:1 issuer: must be an http or https URL without user, query and fragment",
    "FILE:3 grpc.adress: is not a known key (known: address, max_connections, max_open_calls, max_concurrent_streams, max_message_bytes, max_unread_bytes, max_buffered_bytes, max_deadline, max_connection_idle, max_connection_age, keepalive, young_calls, tls)",
    "FILE:4 grpc.max_message_bytes: must be integer",
    "FILE:6 rotation.period: must be a duration such as 500ms, 90s, 15m, 24h or 30d",
    "FILE:8 nats.replicas: must be one of [1,3,5]",
    `FILE:9 colour: is not a known key (known: ${SECTIONS})`,
  ]);
});

for (const [what, text, fault] of [
  ["a list", "- a\n", "FILE:1: must be object"],
  ["a text", "\nhello\n", "FILE:2: must be object"],
  ["a number for a section", "grpc: 7\n", "FILE:1 grpc: must be object"],
  ["a key without a value", "data:\n", "FILE:1 data: must be a folder"],
  ["a key without a value in a section", "http:\n  address:\n", "FILE:2 http.address: must be host:port"],
  ["an unknown section without a value", "colour:\n", `FILE:1 colour: is not a known key (known: ${SECTIONS})`],
  ["a number for a text", "data: 7\n", "FILE:1 data: must be a folder"],
  ["a text for a number", 'signing:\n  verify_every: "7"\n', "FILE:2 signing.verify_every: must be integer"],
  ["a number below its least", "signing: { verify_every: 0 }\n", "FILE:1 signing.verify_every: must be >= 1"],
  ["a duration without a unit", "shutdown: { grace: 10 }\n", "FILE:1 shutdown.grace: must be string"],
  [
    "a time that no timer can keep",
    "grpc:\n  max_connection_age: 25d\n",
    "FILE:2 grpc.max_connection_age: must be from 1s to 24d",
  ],
  ["a ping without a pause", "grpc: { keepalive: 0s }\n", "FILE:1 grpc.keepalive: must be from 1s to 24d"],
  ["a grace that no timer can keep", "shutdown: { grace: 30d }\n", "FILE:1 shutdown.grace: must be from 0s to 24d"],
  [
    "a port that is none",
    'http: { address: "127.0.0.1:65536" }\n',
    "FILE:1 http.address: must have a port of at most 65535",
  ],
  ["a prototype as a key", "__proto__: { a: 1 }\n", `FILE:1 __proto__: is not a known key (known: ${SECTIONS})`],
] as const) {
  test(`${what} is refused with its line`, async (t) => {
    const faults = await faultTexts(t, text);
    t.true(faults.includes(fault), faults.join("\n"));
  });
}

for (const issuer of ["https://user:secret@h", "https://h/#x", "https://h/?x", "ftp://h", "https://h h"])
  test(`the issuer ${issuer} is refused`, async (t) => {
    const message = "must be an http or https URL without user, query and fragment";
    t.deepEqual(await faultTexts(t, `issuer: "${issuer}"\n`), [`FILE:1 issuer: ${message}`]);
  });

test("a NATS URL with a password is refused, and the fault says what is allowed without the password", async (t) => {
  const message =
    "must be nats://host:port or tls://host:port without user and password, several of them with commas, or empty";
  t.deepEqual(await faultTexts(t, 'nats: { url: "nats://user:secret@127.0.0.1:4222" }\n'), [
    `FILE:1 nats.url: ${message}`,
  ]);
});

test("a Unix socket is for gRPC alone", async (t) => {
  t.regex((await faultTexts(t, "http: { address: unix:/x }\n")).join(), /^FILE:1 http\.address: must be host:port/);
});

test("a file that is not there is a fault that names it", (t) => {
  t.deepEqual(
    faultsOf(() => loadConfig({ file: "/no/such/signet.yaml", env: {} })),
    [{ file: "/no/such/signet.yaml", path: "", message: "can't be read: ENOENT" }],
  );
});

test("the folder of further profiles is read beside those that ship", async (t) => {
  const text = shippedText("service")
    .replace("profile: service", "profile: sixth")
    .replace("keyset: service", "keyset: sixth");
  const folder = await filesIn(t, { "sixth.yaml": text });
  const { profiles, keysets } = loadConfig({ env: { SIGNET_PROFILES_FOLDER: folder } });
  t.true(profiles.has("service"));
  t.is(profiles.get("sixth")?.keys.kind, "keyset");
  t.true(keysets.some(({ name }) => name === "sixth"));
});

test("a strict profile needs NATS, whose acknowledgement it waits for", async (t) => {
  const folder = await folderWithVariant(t, "service", "ledger", {
    "audit: {": "audit: { mode: strict,",
  });
  const load = (url: string) => loadConfig({ env: { SIGNET_PROFILES_FOLDER: folder, SIGNET_NATS_URL: url } });
  t.is(load("nats://127.0.0.1:4222").profiles.get("ledger")?.audit.mode, "strict");
  t.is(load("nats://127.0.0.1:4222").profiles.get("service")?.audit.mode, "spool");
  t.deepEqual(faultsOf(() => load("")).map(formatFault), [
    "profile ledger audit.mode: is strict, which needs NATS: nats.url must not be empty",
  ]);
});

test("a folder of further profiles that is not there is a fault", (t) => {
  const faults = faultsOf(() => loadConfig({ env: { SIGNET_PROFILES_FOLDER: "/nowhere/profiles" } }));
  t.deepEqual(faults.map(formatFault), ["/nowhere/profiles: can't be read as a folder: ENOENT"]);
});

test("the KEK comes from a file or from a descriptor, and a misspelt descriptor does not become a file", (t) => {
  for (const place of ["kek", "/run/secrets/kek", "f", "fd", "fdisk", "fd:0", "fd:3", "fd:19", "with space", "./fd:3"])
    t.is(loadConfig({ env: { SIGNET_KEK_FILE: place } }).kek.file, place);
  for (const place of ["fd:", "fd:1", "fd:2", "fd:03", "fd:x", "fd:3 ", "fd:-3", "fd:9999999"]) {
    const faults = faultsOf(() => loadConfig({ env: { SIGNET_KEK_FILE: place, SIGNET_KEK_PREVIOUS: place } }));
    t.deepEqual(
      faults.map(({ path }) => path),
      ["kek.file", "kek.previous"],
      place,
    );
    for (const { message } of faults) t.regex(message, /fd:N where N is 0 or at least 3/);
  }
});

test("the shared state is configured by the file or the environment", (t) => {
  const env = { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true", SIGNET_STATE_MAX_OFFLINE: "2h" };
  t.deepEqual(loadConfig({ env }).state, { store: "nats", firstStart: true, maxOfflineMs: 7_200_000 });
});

for (const [value, allowed] of [
  ["SIGNET_STATE_STORE=redis", /store .*must be file or nats|store.*file.*nats/],
  ["SIGNET_STATE_MAX_OFFLINE=5s", /must be from 10s to 365d/],
] as const) {
  test(`${value} is a fault that says what is allowed`, (t) => {
    const [name = "", text = ""] = value.split("=");
    const [fault, ...more] = faultsOf(() => loadConfig({ env: { [name]: text } }));
    t.deepEqual(more, []);
    t.regex(`${fault?.path} ${fault?.message}`, allowed);
  });
}

test("the retention is off by default, in milliseconds and bytes, and also set by variables", (t) => {
  t.deepEqual(loadConfig({ env: {} }).retention, { maxAgeMs: undefined, maxBytes: undefined });
  const env = { SIGNET_AUDIT_RETENTION_MAX_AGE: "30d", SIGNET_AUDIT_RETENTION_MAX_BYTES: "5000" };
  t.deepEqual(loadConfig({ env }).retention, { maxAgeMs: 2_592_000_000, maxBytes: 5000 });
  t.deepEqual(loadConfig({ env: { ...env, SIGNET_AUDIT_RETENTION_MAX_AGE: "" } }).retention.maxAgeMs, undefined);
});
