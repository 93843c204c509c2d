import { chmod } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { filesIn } from "../../../support/files/config-files.ts";
import { signet } from "../../terminal.ts";

const POLICY = `groups:
  orders:
    callers: [dns:orders.example.org]
    rules:
      - { methods: [VerifyToken], profiles: [service], audiences: [api] }
tests:
  - { expect: allow, caller: dns:orders.example.org, method: VerifyToken, profile: service, audience: [api] }
  - { expect: deny, caller: dns:orders.example.org, method: VerifyToken, profile: service, audience: [web] }
`;

async function fileWith(t: ExecutionContext, text: string): Promise<string> {
  return join(await filesIn(t, { "policy.yaml": text }), "policy.yaml");
}

test("a policy without faults is ok, with the number of its tests, also as JSON", async (t) => {
  const file = await fileWith(t, POLICY);
  t.deepEqual(await signet(["access", "test", "--policy", file]), {
    code: 0,
    stdout: `ok  ${file}  2 tests\n`,
    stderr: "",
  });
  const { stdout } = await signet(["access", "test", "--json", "--policy", file]);
  t.like(JSON.parse(stdout), { file, tests: 2 });
});

test("each test that fails is a fault with its line, of the command and of every load", async (t) => {
  const file = await fileWith(t, POLICY.replace("audiences: [api]", "audiences: [web]"));
  const faults = `${file}:7 tests[0]: is denied: groups.orders.rules[0] denies it by audiences
${file}:8 tests[1]: is allowed, by groups.orders.rules[0]
`;
  for (const [words, exit] of [
    [["access", "test"], 1],
    [["config", "check"], 1],
    [["serve"], 78],
  ] as const) {
    const { code, stdout, stderr } = await signet([...words], { env: { SIGNET_ACCESS_POLICY: file } });
    t.deepEqual([code, stdout], [exit, ""]);
    t.is(stderr, `error: CONFIG: the configuration has faults\n${faults}`);
  }
});

test("a policy may name SPIFFE IDs of the configured trust domains, also of the one of JWT-SVIDs, and of no other", async (t) => {
  const file = await fileWith(t, POLICY.replaceAll("dns:orders.example.org", "spiffe://example.org/orders"));
  const trusted = {
    SIGNET_CALLERS_JWT_SVID_TRUST_DOMAIN: "example.org",
    SIGNET_CALLERS_JWT_SVID_AUDIENCE: "signet",
    SIGNET_CALLERS_JWT_SVID_BUNDLE: "bundle.json",
  };
  for (const [env, code] of [
    [{}, 0],
    [trusted, 0],
    [{ SIGNET_CALLERS_TRUST_DOMAINS: "example.com" }, 1],
    [{ ...trusted, SIGNET_CALLERS_TRUST_DOMAINS: "example.com" }, 0],
  ] as const)
    t.is((await signet(["access", "test", "--policy", file], { env })).code, code, JSON.stringify(env));
});

test("faults of the policy, the one beside it and the profiles come together", async (t) => {
  const folder = await filesIn(t, {
    "policy.yaml": "groups: 1\n",
    "shadow.yaml": "groups: { a: { callers: [], rules: [] } }\n",
    "lobby.yaml": "profile: Lobby\n",
  });
  const env = { SIGNET_ACCESS_SHADOW: join(folder, "shadow.yaml"), SIGNET_PROFILES_FOLDER: folder };
  const { code, stderr } = await signet(["access", "test", "--policy", join(folder, "policy.yaml")], { env });
  t.is(code, 1);
  for (const place of ["policy.yaml:1 groups:", "shadow.yaml:1 groups.a.callers:", "lobby.yaml:1 profile:"])
    t.true(stderr.includes(join(folder, place)), stderr);
});

test("a file that is not there, or that others may write, is a fault", async (t) => {
  const file = await fileWith(t, POLICY);
  const absent = await signet(["access", "test", "--policy", `${file}.old`]);
  t.is(absent.stderr, `error: CONFIG: the configuration has faults\n${file}.old: can't be read: ENOENT\n`);
  await chmod(file, 0o666);
  const { code, stderr } = await signet(["access", "test", "--policy", file]);
  t.is(code, 1);
  t.regex(stderr, /chmod o-w/);
});
