import { join } from "node:path";
import test from "ava";
import { loadConfig } from "../../src/config/load.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";
import { faultsOf, filesIn } from "../support/files/config-files.ts";

const DEFAULTS = loadConfig({ env: {} }).effective;

test("a variable overrides the file, and the file overrides the default", async (t) => {
  const text = "http: { address: 127.0.0.1:1 }\ngrpc: { address: 127.0.0.1:2 }\n";
  const file = join(await filesIn(t, { "signet.yaml": text }), "signet.yaml");
  const config = loadConfig({ file, env: { SIGNET_GRPC_ADDRESS: "127.0.0.1:3" } });
  t.is(config.grpc.address, "127.0.0.1:3");
  t.is(config.http.address, "127.0.0.1:1");
  t.is(config.nats?.url, "nats://127.0.0.1:4222");
});

test("a variable is read as the type of its key", (t) => {
  const env = { SIGNET_KEK_CREATE: "false", SIGNET_SIGNING_VERIFY_EVERY: "7", SIGNET_DATA: "12" };
  t.like(loadConfig({ env }), { kek: { create: false }, verifyEvery: 7, data: "12" });
});

test("every key of the configuration has its variable, and setting it to its default changes nothing", (t) => {
  const defaults = loadConfig({ env: {} }).effective;
  const env = Object.fromEntries(leaves(defaults, "SIGNET"));
  t.is(Object.keys(env).length, countKeys(CONFIG_SCHEMA));
  t.deepEqual(loadConfig({ env }).effective, defaults);
});

test("a variable applies to a section without a value in the file", async (t) => {
  const file = join(await filesIn(t, { "signet.yaml": "grpc:\n" }), "signet.yaml");
  t.is(loadConfig({ file, env: { SIGNET_GRPC_ADDRESS: "127.0.0.1:3" } }).grpc.address, "127.0.0.1:3");
});

test("a variable does not hide that its section is not an object", async (t) => {
  const file = join(await filesIn(t, { "signet.yaml": "data: x\ngrpc: 7\n" }), "signet.yaml");
  t.deepEqual(
    faultsOf(() => loadConfig({ file, env: { SIGNET_GRPC_ADDRESS: "127.0.0.1:3" } })),
    [{ file, line: 2, path: "grpc", message: "must be object" }],
  );
});

for (const name of ["SIGNET_GRPC_ADRESS", "SIGNET_GRPC", "SIGNET_", "SIGNET_grpc_address", "SIGNET___PROTO__"]) {
  test(`${name} is a fault: an override that is ignored would be found out too late`, (t) => {
    const faults = faultsOf(() => loadConfig({ env: { [name]: "127.0.0.1:1" } }));
    t.deepEqual(faults, [{ file: name, path: "", message: "is not the name of a configuration key" }]);
  });
}

test("the command line's own variables and foreign ones are not faults", (t) => {
  t.notThrows(() => loadConfig({ env: { SIGNET_CONFIG: "x", SIGNET_ADDRESS: "y", PATH: "z", signet_data: "" } }));
});

for (const name of [
  "SERVICE_HOST",
  "SERVICE_PORT",
  "SERVICE_PORT_GRPC",
  "PORT",
  "PORT_50051_TCP",
  "PORT_50051_TCP_ADDR",
]) {
  test(`SIGNET_${name}, which Kubernetes sets for a Service of that name, is passed over`, (t) => {
    t.deepEqual(loadConfig({ env: { [`SIGNET_${name}`]: "tcp://10.0.0.1:50051" } }).effective, DEFAULTS);
  });
}

for (const name of ["SIGNET_SERVICE", "SIGNET_SERVICE_HOSTS", "SIGNET_PORTS", "SIGNET_GRPC_PORT"]) {
  test(`${name}, which Kubernetes does not set, is a fault`, (t) => {
    t.is(faultsOf(() => loadConfig({ env: { [name]: "x" } }))[0]?.message, "is not the name of a configuration key");
  });
}

test("no key of the configuration has a name that Kubernetes sets", (t) => {
  const names = leaves(DEFAULTS, "SIGNET").map(([name]) => name);
  t.deepEqual(
    names.filter((name) => /^SIGNET_(SERVICE_HOST|SERVICE_PORT|PORT)/.test(name)),
    [],
  );
});

for (const [name, value, path, message] of [
  ["SIGNET_SIGNING_VERIFY_EVERY", "-1", "signing.verify_every", "must be integer"],
  ["SIGNET_SIGNING_VERIFY_EVERY", "1e3", "signing.verify_every", "must be integer"],
  ["SIGNET_KEK_CREATE", "yes", "kek.create", "must be true or false"],
  ["SIGNET_SHUTDOWN_GRACE", "soon", "shutdown.grace", "must be a duration such as 500ms, 90s, 15m, 24h or 30d"],
] as const) {
  test(`${name}=${value} is a fault that names the variable and not the file`, async (t) => {
    const file = join(await filesIn(t, { "signet.yaml": "data: x\n" }), "signet.yaml");
    const faults = faultsOf(() => loadConfig({ file, env: { [name]: value } }));
    t.deepEqual(faults, [{ file: name, path, message }]);
  });
}

test("faults of variables and of the file come together", async (t) => {
  const file = join(await filesIn(t, { "signet.yaml": "data: 7\n" }), "signet.yaml");
  const faults = faultsOf(() => loadConfig({ file, env: { SIGNET_KEK_CREATE: "yes", SIGNET_OOPS: "" } }));
  t.deepEqual(faults.map(({ file: place }) => place).toSorted(), [file, "SIGNET_KEK_CREATE", "SIGNET_OOPS"].toSorted());
});

function leaves(value: object, name: string): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = `${name}_${key.toUpperCase()}`;
    return typeof inner === "object" && inner !== null ? leaves(inner, path) : [[path, String(inner)]];
  });
}

function countKeys(schema: { readonly properties?: object }): number {
  if (schema.properties === undefined) return 1;
  return Object.values(schema.properties).reduce((sum: number, inner) => sum + countKeys(inner), 0);
}
