import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { filesIn } from "../../../support/files/config-files.ts";
import { signet } from "../../terminal.ts";

const POLICY = `groups:
  orders:
    callers: [spiffe://example.org/orders]
    rules:
      - { methods: [IssueToken], profiles: [service], subjects: [self], max_ttl: 5m }
      - { methods: [VerifyToken], profiles: [service], audiences: ["api://orders"], when: "caller.proof == 'jwt-svid'" }
`;

async function policyIn(t: ExecutionContext): Promise<string> {
  return join(await filesIn(t, { "policy.yaml": POLICY }), "policy.yaml");
}

const ORDERS = ["--caller", "spiffe://example.org/orders"];

test("an allowed call is explained by every rule of the caller, with the line in the file", async (t) => {
  const file = await policyIn(t);
  const call = [
    ...ORDERS,
    "--method",
    "IssueToken",
    "--profile",
    "service",
    "--subject",
    ORDERS[1] ?? "",
    "--ttl",
    "5m",
  ];
  t.deepEqual(await signet(["access", "check", "--policy", file, ...call]), {
    code: 0,
    stdout: `allowed
  groups.orders.rules[0] allows it             ${file}:5
  groups.orders.rules[1] denies it by methods  ${file}:6
`,
    stderr: "",
  });
});

test("a denied call says which keys of which rule deny it, and what the call gets", async (t) => {
  const file = await policyIn(t);
  const check = async (...words: string[]) => {
    const { code, stdout } = await signet(["access", "check", "--policy", file, ...words]);
    return [
      code,
      ...stdout
        .trimEnd()
        .replaceAll(file, "FILE")
        .split("\n")
        .map((line) => line.trim().replace(/ {2,}/, " @ ")),
    ];
  };
  const issue = [...ORDERS, "--method", "IssueToken", "--profile", "service"];
  t.deepEqual(await check(...issue, "--subject", "alice", "--ttl", "1h"), [
    1,
    "denied: the call gets PERMISSION_DENIED",
    "groups.orders.rules[0] denies it by subjects, max_ttl @ FILE:5",
    "groups.orders.rules[1] denies it by methods @ FILE:6",
  ]);
  const [code, verdict] = await check(...ORDERS, "--method", "VerifyToken", "--profile", "hivekit", "--tenant", "acme");
  t.deepEqual([code, verdict], [1, "denied: the call gets PROFILE_NOT_FOUND, as for one that does not exist"]);
  t.deepEqual(await check("--caller", "dns:other", "--method", "ListKeys"), [
    1,
    "denied: the call gets PERMISSION_DENIED",
    "no group has this caller",
  ]);
});

test("the proof, the address, the claims and what a call needs can be given", async (t) => {
  const file = await policyIn(t);
  const verify = [...ORDERS, "--method", "VerifyToken", "--profile", "service", "--audience", "api://orders"];
  const check = async (...words: string[]) =>
    (await signet(["access", "check", "--policy", file, ...verify, ...words])).code;
  t.is(await check(), 1);
  t.is(await check("--proof", "jwt-svid", "--caller-address", "192.0.2.1"), 0);
  t.is(await check("--proof", "jwt-svid", "--needs", "diagnosis"), 1);
  t.is(await check("--proof", "jwt-svid", "--claims", "{}"), 2, "claims are for IssueToken");
});

test("as JSON a decision has its policy, its rule and all explanations, also those of the policy beside it", async (t) => {
  const file = await policyIn(t);
  const env = { SIGNET_ACCESS_SHADOW: file };
  const { code, stdout } = await signet(["access", "check", "--json", "--caller", "unix", "--method", "ListKeys"], {
    env,
  });
  t.is(code, 0);
  const { policy, shadow, ...decided } = JSON.parse(stdout);
  t.regex(policy.file, /policies\/development\.yaml$/);
  t.deepEqual(decided, {
    allowed: true,
    rule: "groups.everybody-here.rules[0]",
    rules: [{ place: "groups.everybody-here.rules[0]", line: 6, denials: [] }],
  });
  t.like(shadow, { policy: { file }, allowed: false, because: "method", rules: [] });
  const text = await signet(["access", "check", "--caller", "unix", "--method", "ListKeys"], { env });
  t.regex(
    text.stdout,
    /^allowed\n.*\nshadow: denied: the call gets PERMISSION_DENIED\n {2}no group has this caller\n$/,
  );
});

for (const [what, words, said] of [
  ["a caller without a form", ["--caller", "orders", "--method", "ListKeys"], /--caller must be spiffe:/],
  ["an unknown method", ["--caller", "unix", "--method", "Issue"], /--method must be one of IssueToken, VerifyToken, /],
  [
    "an unknown need",
    ["--caller", "unix", "--method", "VerifyToken", "--needs", "all"],
    /--needs must be one of verify_at, diagnosis/,
  ],
  [
    "an unknown profile",
    ["--caller", "unix", "--method", "GetProfile", "--profile", "x"],
    /--profile is not the name of a profile \(known: /,
  ],
  [
    "a dimension that the method lacks",
    ["--caller", "unix", "--method", "ListKeys", "--tenant", "a"],
    /--tenant is nothing that ListKeys has/,
  ],
  [
    "no caller and no method",
    [],
    /required option '--caller <name>' not specified; required option '--method <method>'/,
  ],
] as const)
  test(`${what} is wrong usage`, async (t) => {
    const { code, stdout, stderr } = await signet(["access", "check", ...words]);
    t.deepEqual([code, stdout], [2, ""]);
    t.regex(stderr, said);
  });

test("a policy with faults decides nothing", async (t) => {
  const file = join(await filesIn(t, { "policy.yaml": "groups: {}\n" }), "policy.yaml");
  const { code, stdout, stderr } = await signet([
    "access",
    "check",
    "--policy",
    file,
    "--caller",
    "unix",
    "--method",
    "ListKeys",
  ]);
  t.deepEqual([code, stdout], [1, ""]);
  t.true(stderr.includes(`${file}:1 groups: must NOT have fewer than 1`));
});
