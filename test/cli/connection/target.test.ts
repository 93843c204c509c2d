import test from "ava";
import { type Target, transportOf } from "../../../src/cli/connection/target.ts";
import { Failure } from "../../../src/cli/failure.ts";

const target = (parts: Partial<Target>): Target => ({ address: "signet.example:443", timeout: 1, ...parts });

function faultsOf(parts: Partial<Target>): string {
  try {
    return `none: ${transportOf(target(parts))}`;
  } catch (error) {
    return error instanceof Failure && error.report.code === "USAGE" ? error.message : String(error);
  }
}

for (const [address, transport] of [
  ["127.0.0.1:50051", "plaintext"],
  ["127.3.2.1:1", "plaintext"],
  ["[::1]:50051", "plaintext"],
  ["localhost:65535", "plaintext"],
  ["unix:/run/signet", "unix"],
  ["192.0.2.1:50051", "tls"],
  ["[2001:db8::1]:443", "tls"],
  ["signet.example:50051", "tls"],
  ["127.0.0.1.example:1", "tls"],
  ["localhost.example:1", "tls"],
  ["dns:443", "tls"],
] as const)
  test(`${address} is reached over ${transport}`, (t) => {
    t.is(transportOf(target({ address })), transport);
  });

test("on loopback a CA or a certificate means TLS", (t) => {
  const address = "127.0.0.1:50051";
  t.is(transportOf(target({ address, ca: "ca.crt" })), "tls");
  t.is(transportOf(target({ address, cert: "a.crt", key: "a.key" })), "tls");
  t.is(transportOf(target({ address, tokenFile: "token" })), "plaintext");
});

for (const address of [
  "localhost",
  "127.0.0.1:65536",
  "127.0.0.1:0",
  "127.1:50051",
  "0x7f.1:50051",
  "dns:x:1",
  "https://signet.example:443",
  "a b:1",
  "::1:50051",
  "unix:",
  "unix:signet.sock",
  "unix://signet.sock",
  "",
])
  test(`${address || "an empty address"} is none`, (t) => {
    t.regex(faultsOf({ address }), /^--address \(else SIGNET_ADDRESS, else SIGNET_GRPC_ADDRESS\) must be host:port/);
  });

test("all faults of the options are reported together, each with its variable", (t) => {
  const text = faultsOf({ address: "nowhere", cert: "a.crt", tokenFile: "token", serverName: "127.0.0.1" });
  for (const said of [
    /--address \(else SIGNET_ADDRESS, else SIGNET_GRPC_ADDRESS\) must be/,
    /--server-name \(else SIGNET_SERVER_NAME\) must be a DNS name/,
    /--cert \(else SIGNET_CERT\) and --key \(else SIGNET_KEY\) belong together/,
    /--cert \(else SIGNET_CERT\) and --token-file \(else SIGNET_TOKEN_FILE\) both prove the caller/,
  ])
    t.regex(text, said);
});

test("options of TLS are refused where there is none", (t) => {
  const socket = { address: "unix:/run/signet", ca: "ca.crt", cert: "a.crt", key: "a.key", serverName: "signet" };
  t.regex(faultsOf(socket), /is a Unix socket, which has no TLS: leave out --ca.*, --cert.*, --key.*, --server-name/);
  t.regex(faultsOf({ address: "localhost:1", serverName: "signet" }), /is for TLS: on loopback, give --ca/);
  t.is(faultsOf({ address: "unix:/run/signet", tokenFile: "token" }), "none: unix");
});
