import { join } from "node:path";
import test from "ava";
import { loadConfig } from "../../src/config/load.ts";
import { faultsOf, faultTexts, filesIn } from "../support/files/config-files.ts";

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

const GOOD_ISSUER = "issuer: https://i.test, audience: signet, algorithms: [ES256]";

for (const [what, text, ...faults] of [
  [
    "no place for its keys",
    `callers: { issuers: { ci: { ${GOOD_ISSUER} } } }`,
    "FILE:1 callers.issuers.ci: must have exactly one of jwks, discovery and file",
  ],
  [
    "two places for its keys",
    `callers: { issuers: { ci: { ${GOOD_ISSUER}, discovery: true, file: /x } } }`,
    "FILE:1 callers.issuers.ci: must have exactly one of jwks, discovery and file",
  ],
  [
    "the iss of another one",
    `callers: { issuers: { ci: { ${GOOD_ISSUER}, file: /x }, cd: { ${GOOD_ISSUER}, file: /y } } }`,
    "FILE:1 callers.issuers.cd.issuer: must not be the issuer of ci as well",
  ],
  [
    "the iss of Signet itself",
    "issuer: https://i.test\ncallers: { issuers: { ci: { issuer: https://i.test, audience: a, algorithms: [ES256], file: /x } } }",
    "FILE:2 callers.issuers.ci.issuer: must not be the issuer of this installation as well",
  ],
  [
    "discovery of something that is no https URL",
    "callers: { issuers: { ci: { issuer: http://127.0.0.1, audience: a, algorithms: [ES256], discovery: true } } }",
    "FILE:1 callers.issuers.ci.issuer: must be an https URL without user, query and fragment, where discovery is true",
  ],
  [
    "a CA and hosts for a file",
    `callers: { issuers: { ci: { ${GOOD_ISSUER}, file: /x, ca_file: /ca, jwks_hosts: [a] } } }`,
    "FILE:1 callers.issuers.ci.ca_file: is for keys that are fetched",
    "FILE:1 callers.issuers.ci.jwks_hosts: is for discovery",
  ],
  [
    "an alias with capitals",
    `callers: { issuers: { CI: { ${GOOD_ISSUER}, file: /x } } }`,
    "FILE:1 callers.issuers.CI: is not an allowed name (allowed: 1 to 64 of a-z 0-9 -)",
  ],
  [
    "an algorithm with a shared secret, and no audience",
    "callers: { issuers: { ci: { issuer: a, algorithms: [HS256], file: /x } } }",
    "FILE:1 callers.issuers.ci.audience: is required",
    'FILE:1 callers.issuers.ci.algorithms[0]: must be one of ["RS256","RS384","RS512","PS256","PS384","PS512","ES256","ES384","ES512","EdDSA"]',
  ],
  [
    "keys over plaintext",
    `callers: { issuers: { ci: { ${GOOD_ISSUER}, jwks: "http://127.0.0.1/jwks" } } }`,
    "FILE:1 callers.issuers.ci.jwks: must be an https URL without user and fragment, or empty",
  ],
] as const)
  test(`an issuer of callers with ${what} is a fault`, async (t) => {
    t.deepEqual((await faultTexts(t, text)).toSorted(), faults.toSorted());
  });

for (const [text, fault] of [
  ["{ trust_domain: example.org, bundle: /b }", ": must have both trust_domain and audience, or neither"],
  ["{ audience: a }", ": must have both trust_domain and audience, or neither"],
  ["{ bundle: /b }", ".bundle: needs trust_domain and audience"],
  [
    "{ trust_domain: example.org, audience: a }",
    ".bundle: must be a file while spiffe.socket is empty and SPIFFE_ENDPOINT_SOCKET names no Unix socket",
  ],
] as const)
  test(`JWT-SVIDs by ${text} are a fault`, async (t) => {
    t.deepEqual(await faultTexts(t, `callers: { jwt_svid: ${text} }`), [`FILE:1 callers.jwt_svid${fault}`]);
  });

test("the Workload API is where spiffe.socket says, or else SPIFFE_ENDPOINT_SOCKET, if that is a Unix socket", async (t) => {
  const file = join(await filesIn(t, { "signet.yaml": "spiffe: { socket: unix:/own }" }), "signet.yaml");
  const env = { SPIFFE_ENDPOINT_SOCKET: "unix:///run/agent.sock" };
  t.is(loadConfig({ env }).spiffeSocket, "unix:///run/agent.sock");
  t.is(loadConfig({ env: { ...env, SIGNET_SPIFFE_SOCKET: "unix:/other" } }).spiffeSocket, "unix:/other");
  t.is(loadConfig({ file, env }).spiffeSocket, "unix:/own");
  t.is(loadConfig({ env: { SPIFFE_ENDPOINT_SOCKET: "tcp://127.0.0.1:8000" } }).spiffeSocket, "");
});
