import { join } from "node:path";
import test from "ava";
import { PROOF_VARIABLES } from "../../src/cli/connection/target.ts";
import { loadConfig } from "../../src/config/load.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";
import { isServiceLink } from "../../src/config/service-link.ts";
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

test("a variable sets a key under a name of a map: in lower case, and with - for _", async (t) => {
  const text = "callers: { issuers: { my-ci: { issuer: a, audience: b, algorithms: [ES256], file: /x } } }";
  const file = join(await filesIn(t, { "signet.yaml": text }), "signet.yaml");
  const env = {
    SIGNET_CALLERS_ISSUERS_MY_CI_AUDIENCE: "c",
    SIGNET_CALLERS_ISSUERS_MY_CI_ALGORITHMS: "RS256,EdDSA",
    SIGNET_CALLERS_ISSUERS_IDP_ISSUER: "d",
    SIGNET_CALLERS_ISSUERS_IDP_AUDIENCE: "e",
    SIGNET_CALLERS_ISSUERS_IDP_ALGORITHMS: "PS256",
    SIGNET_CALLERS_ISSUERS_IDP_JWKS: "https://idp.test/jwks",
    SIGNET_CALLERS_ISSUERS_IDP_CA_FILE: "/ca",
  };
  const { issuers } = loadConfig({ file, env }).callers;
  t.like(issuers[0], { alias: "my-ci", issuer: "a", audience: "c", algorithms: ["RS256", "EdDSA"], file: "/x" });
  t.like(issuers[1], { alias: "idp", issuer: "d", jwks: "https://idp.test/jwks", caFile: "/ca", file: undefined });
});

for (const [alias, inVariable] of [
  ["constructor", "CONSTRUCTOR"],
  ["--proto--", "__PROTO__"],
]) {
  test(`an issuer may have the alias ${alias}, by variables alone or in the file`, async (t) => {
    const env = {
      [`SIGNET_CALLERS_ISSUERS_${inVariable}_ISSUER`]: "d",
      [`SIGNET_CALLERS_ISSUERS_${inVariable}_AUDIENCE`]: "e",
      [`SIGNET_CALLERS_ISSUERS_${inVariable}_ALGORITHMS`]: "PS256",
      [`SIGNET_CALLERS_ISSUERS_${inVariable}_FILE`]: "/x",
    };
    const text = `callers: { issuers: { ${alias}: { issuer: d, audience: e, algorithms: [PS256], file: /x } } }`;
    const file = join(await filesIn(t, { "signet.yaml": text }), "signet.yaml");
    const { issuers } = loadConfig({ env }).callers;
    t.like(issuers, [{ alias, issuer: "d", audience: "e", file: "/x" }]);
    t.deepEqual(loadConfig({ file, env: {} }).callers.issuers, issuers);
  });
}

for (const alias of ["__proto__", "toString"]) {
  test(`an issuer in a file with the alias ${alias} is refused by its form, and not passed over`, async (t) => {
    const text = `callers: { issuers: { ${alias}: { issuer: d, audience: e, algorithms: [PS256], file: /x } } }`;
    const file = join(await filesIn(t, { "signet.yaml": text }), "signet.yaml");
    const faults = faultsOf(() => loadConfig({ file, env: {} }));
    t.true(
      faults.some(({ path }) => path.startsWith("callers.issuers")),
      JSON.stringify(faults),
    );
  });
}

test("a variable of a map without a name, or with an unknown key, is a fault; a bad value names its variable", (t) => {
  for (const name of ["SIGNET_CALLERS_ISSUERS_FILE", "SIGNET_CALLERS_ISSUERS__FILE", "SIGNET_CALLERS_ISSUERS_CI_KEY"]) {
    const [fault] = faultsOf(() => loadConfig({ env: { [name]: "/x" } }));
    t.is(fault?.file, name);
    t.regex(String(fault?.message), /^is not the name of a configuration key \(known: .*ISSUERS_NAME_CA_FILE/);
  }
  const env = { SIGNET_CALLERS_ISSUERS_MY_CI_JWKS: "http://x" };
  const bad = faultsOf(() => loadConfig({ env })).find(({ path }) => path === "callers.issuers.my-ci.jwks");
  t.is(bad?.file, "SIGNET_CALLERS_ISSUERS_MY_CI_JWKS");
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
    t.deepEqual(
      faults.map(({ file }) => file),
      [name],
    );
    t.regex(String(faults[0]?.message), /^is not the name of a configuration key( \(known: SIGNET_GRPC_ADDRESS, .*)?$/);
  });
}

test("a misspelt variable's fault lists those of its section, and of no other", (t) => {
  const [fault] = faultsOf(() => loadConfig({ env: { SIGNET_LOG_LEVL: "debug" } }));
  t.is(fault?.message, "is not the name of a configuration key (known: SIGNET_LOG_LEVEL)");
  const [unknown] = faultsOf(() => loadConfig({ env: { SIGNET_LOGLEVEL: "debug" } }));
  t.is(unknown?.message, "is not the name of a configuration key");
});

test("a fault of one item names the variable that holds the list", async (t) => {
  const message = "must be the name of a profile";
  const env = { SIGNET_PROFILES_DISABLE: "shoplive, hivekit" };
  const file = join(await filesIn(t, { "signet.yaml": 'profiles: { replace: ["A B"] }\n' }), "signet.yaml");
  t.deepEqual(
    faultsOf(() => loadConfig({ file, env })),
    [
      { file: "SIGNET_PROFILES_DISABLE", path: "profiles.disable[1]", message },
      { file, line: 1, path: "profiles.replace[0]", message },
    ],
  );
});

test("the command line's own variables and foreign ones are not faults", (t) => {
  const commands = Object.fromEntries(Object.values(PROOF_VARIABLES).map((name) => [name, "y"]));
  const env = { SIGNET_CONFIG: "x", SIGNET_ADDRESS: "y", ...commands, PATH: "z", signet_data: "" };
  t.notThrows(() => loadConfig({ env }));
});

/** What Kubernetes and Docker set for a service at this address. */
function serviceLinks(prefix: string, [host, written] = ["10.96.0.7", "10.96.0.7"]): Record<string, string> {
  const links = {
    SERVICE_HOST: host,
    SERVICE_PORT: "4222",
    SERVICE_PORT_CLIENT_TLS: "4222",
    PORT: `tcp://${written}:4222`,
    PORT_4222_TCP: `tcp://${written}:4222`,
    PORT_4222_TCP_PROTO: "tcp",
    PORT_4222_TCP_PORT: "4222",
    PORT_4222_TCP_ADDR: host,
    PORT_53_UDP: `udp://${written}:53`,
    PORT_53_UDP_PROTO: "udp",
    NAME: "/signet/nats",
    ENV_NATS_SERVER: "2.14.0",
  };
  return Object.fromEntries(Object.entries(links).map(([end, value]) => [`${prefix}_${end}`, value]));
}

test("what Kubernetes and Docker set for services named signet, signet-nats and signet-grpc is passed over", (t) => {
  const env = {
    ...serviceLinks("SIGNET"),
    ...serviceLinks("SIGNET_NATS"),
    ...serviceLinks("SIGNET_GRPC", ["fd00::7", "[fd00::7]"]),
    ...serviceLinks("SIGNET_STATE_STORE"),
  };
  t.deepEqual(loadConfig({ env }).effective, DEFAULTS);
});

for (const [name, value] of [
  ["SIGNET_NATS_PROT", "x"],
  ["SIGNET_NATS_PORT", "4222"],
  ["SIGNET_PORT", "50051"],
  ["SIGNET_NATS_PORT", "nats://10.96.0.7:4222"],
  ["SIGNET_NATS_PORTS", "tcp://10.96.0.7:4222"],
  ["SIGNET_NATS_PORT_4222", "tcp://10.96.0.7:4222"],
  ["SIGNET_NATS_PORT_4222_TCP_PROTO", "http"],
  ["SIGNET_SERVICE", "10.96.0.7"],
  ["SIGNET_GRPC_SERVICE_HOST", "grpc.internal"],
  ["SIGNET_GRPC_SERVICE_HOSTS", "10.96.0.9"],
  ["SIGNET_GRPC_SERVICE_PORT", "http"],
  ["SIGNET_KEYSET_NAME", "service"],
] as const) {
  test(`${name}=${value}, which is no service link, is a fault`, (t) => {
    const faults = faultsOf(() => loadConfig({ env: { ...serviceLinks("SIGNET_GRPC"), [name]: value } }));
    t.deepEqual(
      faults.map(({ file }) => file),
      [name],
    );
    t.regex(String(faults[0]?.message), /^is not the name of a configuration key/);
  });
}

test("no key of the configuration has the name of a service link", (t) => {
  const names = leaves(DEFAULTS, "SIGNET").map(([name]) => name);
  const values = Object.values(serviceLinks("SIGNET"));
  const links = names.filter((name) => values.some((value) => isServiceLink(name, value)));
  t.deepEqual(links, []);
});

for (const [name, value, path, message] of [
  ["SIGNET_GRPC_ADDRESS", "rubbish", "grpc.address", "must be host:port or unix:/path"],
  ["SIGNET_GRPC_ADDRESS", "unix:signet.sock", "grpc.address", "must be host:port or unix:/path"],
  ["SIGNET_GRPC_ADDRESS", "unix:signet:1", "grpc.address", "must be host:port or unix:/path"],
  ["SIGNET_GRPC_ADDRESS", "unix://signet.sock", "grpc.address", "must be host:port or unix:/path"],
  ["SIGNET_SPIFFE_SOCKET", "unix:agent.sock", "spiffe.socket", "must be unix:/path, or empty"],
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
    return typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? leaves(inner, path)
      : [[path, String(inner)]];
  });
}

/** Apart from those in a map, which has no names by default. */
function countKeys(schema: { readonly properties?: object; readonly additionalProperties?: unknown }): number {
  if (schema.properties === undefined) return typeof schema.additionalProperties === "object" ? 0 : 1;
  return Object.values(schema.properties).reduce((sum: number, inner) => sum + countKeys(inner), 0);
}
