import test from "ava";
import { isLoopback } from "../../src/config/check-listeners.ts";
import { loadConfig } from "../../src/config/load.ts";
import { faultsOf, faultTexts } from "../support/files/config-files.ts";

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

/** The faults of a configuration that the environment makes, each with its key. */
function faults(env: Record<string, string>): string[] {
  return faultsOf(() => loadConfig({ env })).map(({ file, message }) => `${file} ${message}`);
}

const LOCAL = "loopback (127.0.0.0/8, [::1] or localhost)";

for (const address of ["0.0.0.0:50051", "10.1.2.3:50051", "signet.example:50051"])
  test(`gRPC at ${address}, which others can reach, needs TLS and a policy`, (t) => {
    t.deepEqual(faults({ SIGNET_GRPC_ADDRESS: address }), [
      `SIGNET_GRPC_ADDRESS beyond ${LOCAL} and Unix sockets (unix:/path) needs TLS: set grpc.tls.source`,
      `SIGNET_GRPC_ADDRESS beyond ${LOCAL} and Unix sockets (unix:/path) needs a policy that says what callers may do: ` +
        "set access.policy",
    ]);
  });

test("HTTP that others can reach needs TLS, except for probes and metrics at an address of their own", (t) => {
  t.deepEqual(faults({ SIGNET_HTTP_ADDRESS: "[::]:8081" }), [
    `SIGNET_HTTP_ADDRESS beyond ${LOCAL} needs TLS: set http.tls.cert and http.tls.key`,
  ]);
  const tls = { SIGNET_HTTP_TLS_CERT: "http.crt", SIGNET_HTTP_TLS_KEY: "http.key" };
  t.notThrows(() => loadConfig({ env: { SIGNET_HTTP_ADDRESS: "[::]:8081", ...tls } }));
  t.notThrows(() => loadConfig({ env: { SIGNET_HTTP_INTERNAL_ADDRESS: "0.0.0.0:8082" } }));
});

test("all faults of the listeners are reported together, with what to set", (t) => {
  const env = {
    SIGNET_GRPC_ADDRESS: "unix:/run/signet.sock",
    SIGNET_GRPC_TLS_SOURCE: "files",
    SIGNET_GRPC_TLS_CERT: "grpc.crt",
    SIGNET_HTTP_ADDRESS: "127.0.0.1:65536",
    SIGNET_HTTP_INTERNAL_ADDRESS: "0.0.0.0:65536",
    SIGNET_HTTP_TLS_KEY: "http.key",
  };
  t.deepEqual(faults(env).sort(), [
    "(defaults) must be set for TLS",
    "(defaults) must be set where grpc.tls.source is files",
    "SIGNET_GRPC_TLS_SOURCE must be empty where grpc.address is a Unix socket, which needs no TLS",
    "SIGNET_HTTP_ADDRESS must have a port of at most 65535",
    "SIGNET_HTTP_INTERNAL_ADDRESS must have a port of at most 65535",
  ]);
});

test("a Unix socket has a path of at most 107 bytes", (t) => {
  const path = `/run/${"s".repeat(102)}`;
  t.notThrows(() => loadConfig({ env: { SIGNET_GRPC_ADDRESS: `unix:${path}` } }));
  t.deepEqual(faults({ SIGNET_GRPC_ADDRESS: `unix:${path}s` }), [
    "SIGNET_GRPC_ADDRESS must have a path of at most 107 bytes, as every Unix socket",
  ]);
});

test("a version of TLS without quotes, which YAML reads as a number, is refused with the way out", async (t) => {
  t.deepEqual(await faultTexts(t, "grpc: { tls: { min_version: 1.2 } }\n"), [
    'FILE:1 grpc.tls.min_version: must be "1.3" or "1.2", in quotes',
  ]);
});

for (const [key, name] of [
  ["CERT", "cert"],
  ["KEY", "key"],
  ["CLIENT_CA", "client_ca"],
] as const)
  test(`grpc.tls.${name} without a source is a fault: it would be taken for TLS`, (t) => {
    t.deepEqual(
      faultsOf(() => loadConfig({ env: { [`SIGNET_GRPC_TLS_${key}`]: "a.pem" } })).map(({ path }) => path),
      ["grpc.tls.source"],
    );
  });

test("TLS by the Workload API needs its socket and the one trust domain of its bundle, and no files", (t) => {
  const env = { SIGNET_GRPC_TLS_SOURCE: "spiffe", SIGNET_GRPC_TLS_CERT: "x" };
  t.deepEqual(faults(env).sort(), [
    "(defaults) must be set where grpc.tls.source is spiffe and SPIFFE_ENDPOINT_SOCKET names no Unix socket",
    "(defaults) must have exactly one, that of the own identity, where grpc.tls.source is spiffe",
    "SIGNET_GRPC_TLS_SOURCE must be files where cert, key or client_ca is set",
  ]);
  const good = { SIGNET_GRPC_TLS_SOURCE: "spiffe", SIGNET_CALLERS_TRUST_DOMAINS: "example.org" };
  t.notThrows(() => loadConfig({ env: { ...good, SPIFFE_ENDPOINT_SOCKET: "unix:///run/agent.sock" } }));
});
