import { status } from "@grpc/grpc-js";
import test from "ava";
import { badRequest, errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const ANSWER = {
  token: TOKEN,
  tokenId: "0199-id",
  keyId: "kid-1",
  profile: "service",
  issuedAt: new Date(NOW),
  expiresAt: new Date(NOW + 300_000),
  refreshAfter: new Date(NOW + 240_500),
  claims: { sub: "alice", when: "2026-01-01T00:00:00.000Z", seconds: 5, nanos: 0, admin: false, list: [] },
};
const ISSUE = ["token", "issue", "service", "--subject", "alice", "--audience", "api://orders"];

test("standard output holds only the token, and standard error what is said about it", async (t) => {
  const service = await fakeService({ issueToken: ANSWER });
  t.teardown(service.stop);
  const ended = await signet(ISSUE, { env: service.env });
  t.deepEqual(ended, {
    code: 0,
    stdout: `${TOKEN}\n`,
    stderr: "id 0199-id, key kid-1, expires 2026-11-22T12:05:00Z (in 5m)\n",
  });
});

test("a token without an exp is printed as one that never expires", async (t) => {
  const service = await fakeService({ issueToken: { ...ANSWER, expiresAt: undefined } });
  t.teardown(service.stop);
  const { stderr } = await signet(ISSUE, { env: service.env });
  t.regex(stderr, /never expires/);
});

test("warnings go to standard error", async (t) => {
  const warnings = [{ code: "NO_EXPIRY", message: "the token has no exp" }];
  const service = await fakeService({ issueToken: { ...ANSWER, expiresAt: undefined, warnings } });
  t.teardown(service.stop);
  const { stdout, stderr } = await signet(ISSUE, { env: service.env });
  t.is(stdout, `${TOKEN}\n`);
  t.is(stderr, "id 0199-id, key kid-1, never expires\nwarning: NO_EXPIRY: the token has no exp\n");
});

test("--validate-only prints the claims that would be signed, and says that nothing is", async (t) => {
  const service = await fakeService({ issueToken: { ...ANSWER, token: "", tokenId: "" } });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet([...ISSUE, "--validate-only"], { env: service.env });
  t.is(code, 0);
  t.deepEqual(JSON.parse(stdout), ANSWER.claims);
  t.is(stderr, "nothing was signed; key kid-1, expires 2026-11-22T12:05:00Z (in 5m)\n");
  t.like(service.requests[0], { validateOnly: true });
});

test("--json is the answer as canonical proto-JSON, and claims that look like times stay as they are", async (t) => {
  const service = await fakeService({ issueToken: ANSWER });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet([...ISSUE, "--json"], { env: service.env });
  t.is(code, 0);
  t.is(stderr, "");
  t.deepEqual(JSON.parse(stdout), {
    token: TOKEN,
    tokenId: "0199-id",
    keyId: "kid-1",
    profile: "service",
    issuedAt: "2026-11-22T12:00:00Z",
    expiresAt: "2026-11-22T12:05:00Z",
    refreshAfter: "2026-11-22T12:04:00.500Z",
    claims: ANSWER.claims,
  });
});

test("all options arrive in the request", async (t) => {
  const service = await fakeService({ issueToken: ANSWER });
  t.teardown(service.stop);
  const words = [
    "--audience",
    "a",
    "b",
    "--audience",
    "c",
    "--ttl",
    "5m",
    "--claim",
    "plan=free=yes",
    "--claims",
    '{"n":7}',
    "--tenant",
    "acme",
    "--client-ip",
    "203.0.113.7",
    "--request-id",
    "order-1",
  ];
  const { code } = await signet(["token", "issue", "service", "--subject", "alice", ...words], { env: service.env });
  t.is(code, 0);
  t.deepEqual(service.requests, [
    {
      profile: "service",
      tenant: "acme",
      subject: "alice",
      audience: ["a", "b", "c"],
      ttl: { seconds: 300n, nanos: 0 },
      claims: { n: 7, plan: "free=yes" },
      clientIp: "203.0.113.7",
      requestId: "order-1",
      validateOnly: false,
    },
  ]);
});

test("options that are not given are not sent: neither a ttl nor claims", async (t) => {
  const service = await fakeService({ issueToken: ANSWER });
  t.teardown(service.stop);
  await signet(["token", "issue", "service"], { env: service.env });
  t.deepEqual(service.requests, [
    {
      profile: "service",
      tenant: "",
      subject: "",
      audience: [],
      ttl: undefined,
      claims: undefined,
      clientIp: "",
      requestId: "",
      validateOnly: false,
    },
  ]);
});

for (const [text, seconds, nanos] of [
  ["300", 300n, 0],
  ["300s", 300n, 0],
  ["1h", 3_600n, 0],
  ["1500ms", 1n, 5e8],
  ["0", 0n, 0],
] as const) {
  test(`--ttl ${text} is sent as it was given, the bounds are the service's`, async (t) => {
    const service = await fakeService({ issueToken: ANSWER });
    t.teardown(service.stop);
    await signet([...ISSUE, "--ttl", text], { env: service.env });
    t.like(service.requests[0], { ttl: { seconds, nanos } });
  });
}

test("claims come from standard input and from a file", async (t) => {
  const service = await fakeService({ issueToken: ANSWER });
  t.teardown(service.stop);
  await signet([...ISSUE, "--claims", "-"], { env: service.env, stdin: '{"from":"stdin"}' });
  await signet([...ISSUE, "--claims", "@tsconfig.json"], { env: service.env });
  t.like(service.requests[0], { claims: { from: "stdin" } });
  t.like(service.requests[1], { claims: { compilerOptions: { strict: true } } });
});

for (const [what, words, said] of [
  ["a bad ttl", ["--ttl", "soon"], /'--ttl <duration>' argument 'soon' is invalid\. Allowed: a duration such as 30d/],
  ["claims that are no JSON", ["--claims", "{secret"], /--claims is not JSON/],
  ["claims that are no object", ["--claims", '["secret"]'], /--claims must be a JSON object/],
  ["a claim without a value", ["--claim", "secret"], /--claim must be key=value/],
  ["a claim that is given twice", ["--claim", "a=secret", "--claims", '{"a":1}'], /the claim "a" is given twice/],
  ["a claims file that is not there", ["--claims", "@/nowhere.json"], /from \/nowhere\.json: ENOENT/],
  ["an option that does not exist", ["--subjekt", "secret"], /unknown option '--subjekt' \(Did you mean --subject\?\)/],
  ["an option with a value that does not exist", ["--subjekt=secret"], /unknown option '--subjekt'/],
  ["surplus arguments", ["--json", "--ttl", "5m", "secret"], /too many arguments for 'issue'.*but got 2"/],
] as const) {
  test(`${what} ends with 2, before anything is sent and without repeating values`, async (t) => {
    const service = await fakeService({ issueToken: ANSWER });
    t.teardown(service.stop);
    const { code, stdout, stderr } = await signet([...ISSUE, ...words], { env: service.env });
    t.is(code, 2);
    t.is(stdout, "");
    t.regex(stderr, said);
    t.notRegex(stderr, /secret/);
    t.deepEqual(service.requests, []);
  });
}

test("a refusal names the code, every bad field and the reason", async (t) => {
  const refusal = new Refusal(status.INVALID_ARGUMENT, "2 fields are wrong", [
    errorInfo("INVALID_REQUEST"),
    badRequest({ field: "ttl", description: "must be at most 1h" }, { field: "subject", description: "is required" }),
  ]);
  const service = await fakeService({ issueToken: refusal });
  t.teardown(service.stop);
  t.deepEqual(await signet(ISSUE, { env: service.env }), {
    code: 2,
    stdout: "",
    stderr:
      "error: INVALID_ARGUMENT: 2 fields are wrong\n  ttl: must be at most 1h\n  subject: is required\n  reason: INVALID_REQUEST\n",
  });
});
