import { join } from "node:path";
import test from "ava";
import { isLoopback } from "../../src/config/checks.ts";
import { loadConfig } from "../../src/config/load.ts";
import { faultsOf, faultTexts, filesIn } from "../support/files/config-files.ts";

for (const address of ["127.0.0.1:1", "127.255.255.254:65535", "[::1]:1", "localhost:1"]) {
  test(`${address} can be reached from this machine alone`, (t) => {
    t.true(isLoopback(address));
  });
}

for (const address of [
  "0.0.0.0:1",
  "10.0.0.1:1",
  "[::]:1",
  "::1:1",
  "[::2]:1",
  "[0:0:0:0:0:0:0:1]:1",
  "[::1%eth0]:1",
  "127.0.0.1.example.org:1",
  "127.1:1",
  "localhost.example.org:1",
  "LOCALHOST.:1",
  "[localhost]:1",
  ":1",
  "127.0.0.1",
  "",
]) {
  test(`${JSON.stringify(address)} is not known to be loopback`, (t) => {
    t.false(isLoopback(address));
  });
}

for (const [section, address] of [
  ["grpc", "0.0.0.0:50051"],
  ["grpc", "10.1.2.3:50051"],
  ["http", "[::]:8081"],
  ["http", "signet.example:8081"],
] as const) {
  test(`${section} at ${address}, which others can reach, is refused`, async (t) => {
    const [fault] = await faultTexts(t, `${section}:\n  address: "${address}"\n`);
    t.regex(fault ?? "", new RegExp(`^FILE:2 ${section}\\.address: must be a loopback address`));
  });
}

for (const [what, rotation, path, rule] of [
  ["a lead below what verifiers need", "lead: 16m", "rotation.lead", /960000 ms: it must be at least .* = 1020000 ms/],
  [
    "a period that its lead fills",
    "period: 22m",
    "rotation.period",
    /1320000 ms: it must be more than .* = 1320000 ms/,
  ],
  ["no time at all", "clock_skew: 0s", "rotation.clock_skew", /0 ms: it must be a whole number above 0/],
] as const) {
  test(`a rotation with ${what} is refused, with the bound`, async (t) => {
    const faults = await faultTexts(t, `rotation:\n  ${rotation}\n`);
    t.is(faults.length, 1, faults.join("\n"));
    t.true(faults[0]?.startsWith(`FILE:2 ${path}: `), faults[0]);
    t.regex(faults[0] ?? "", rule);
  });
}

test("a rotation that just keeps its bounds is taken", (t) => {
  t.notThrows(() => loadConfig({ env: { SIGNET_ROTATION_LEAD: "17m", SIGNET_ROTATION_PERIOD: "1320001ms" } }));
});

test("a replica that shares its state may not issue cut off for longer than a key signs", (t) => {
  const env = { SIGNET_STATE_STORE: "nats", SIGNET_ROTATION_PERIOD: "30m", SIGNET_STATE_MAX_OFFLINE: "31m" };
  const message = "must not be longer than rotation.period (30m): other replicas may have dropped the key by then";
  t.like(
    faultsOf(() => loadConfig({ env })),
    [{ path: "state.max_offline", message }],
  );
  t.notThrows(() => loadConfig({ env: { ...env, SIGNET_STATE_MAX_OFFLINE: "30m" } }));
  t.notThrows(() => loadConfig({ env: { ...env, SIGNET_STATE_STORE: "file" } }), "it has no others");
});

test("replicas share their state through NATS: without it their store is a fault, reported where it was chosen", async (t) => {
  const file = join(await filesIn(t, { "signet.yaml": 'nats: { url: "" }\nstate: { store: nats }\n' }), "signet.yaml");
  const message = "must be file while nats.url is empty: replicas share their state through NATS";
  t.deepEqual(
    faultsOf(() => loadConfig({ file, env: {} })),
    [{ file, line: 2, path: "state.store", message }],
  );
  const env = { SIGNET_NATS_URL: "", SIGNET_STATE_STORE: "nats" };
  t.deepEqual(
    faultsOf(() => loadConfig({ env })),
    [{ file: "SIGNET_STATE_STORE", path: "state.store", message }],
  );
});

for (const [what, env, expected] of [
  ["at its default beside another HTTP port", { SIGNET_HTTP_ADDRESS: "127.0.0.1:9081" }, 1],
  ["at its default beside an IPv6 address", { SIGNET_HTTP_ADDRESS: "[::1]:8081" }, 1],
  ["at its default beside its own address", {}, 0],
  ["at its default beside localhost", { SIGNET_HTTP_ADDRESS: "localhost:8081" }, 0],
  ["set", { SIGNET_HTTP_ADDRESS: "127.0.0.1:9081", SIGNET_ISSUER: "https://tokens.test" }, 0],
  ["no URL that can be parsed", { SIGNET_ISSUER: "http://:80" }, 0],
  ["set to the default", { SIGNET_HTTP_ADDRESS: "127.0.0.1:9081", SIGNET_ISSUER: "http://127.0.0.1:8081" }, 0],
] as const) {
  test(`an issuer that is ${what} is worth ${expected === 0 ? "no" : "a"} warning`, (t) => {
    t.is(loadConfig({ env }).warnings.length, expected);
  });
}
