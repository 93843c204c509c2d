import test from "ava";
import { Carrier, Rejection, RejectionReason, VerifyTokenRequest } from "../../../../src/gen/signet/v1/token.ts";
import { fakeService } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const VALID = {
  valid: true,
  claims: { sub: "alice", note: "\u001b[2J\u009b\u202e" },
  tokenId: "0199-id",
  subject: "alice",
  profile: "service",
  keyId: "kid-1",
  issuedAt: new Date(NOW - 7_200_000),
  expiresAt: new Date(NOW + 1_000),
  keyringGeneration: 9_007_199_254_740_993n,
};
const EXPIRED = {
  valid: false,
  rejection: Rejection.fromPartial({ reason: RejectionReason.REJECTION_REASON_EXPIRED, message: "exp is over" }),
  tokenId: "0199-id",
  profile: "service",
};
const VERIFY = ["token", "verify", "service", "--audience", "api://orders"];

test("a valid token ends with 0 and shows its claims, with control characters made visible", async (t) => {
  const service = await fakeService({ verifyToken: VALID });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(VERIFY, { env: service.env, stdin: TOKEN });
  t.is(code, 0);
  t.is(stderr, "");
  t.is(
    stdout,
    `valid
profile  service
subject  alice
id       0199-id
key      kid-1
issued   2026-11-22T10:00:00Z (2h ago)
expires  2026-11-22T12:00:01Z (in 1s)
claims {
  "sub": "alice",
  "note": "\\u001b[2J\\u009b\\u202e"
}
`,
  );
});

test("an invalid token ends with 1 and shows the reason and the message", async (t) => {
  const service = await fakeService({ verifyToken: EXPIRED });
  t.teardown(service.stop);
  t.deepEqual(await signet(VERIFY, { env: service.env, stdin: TOKEN }), {
    code: 1,
    stdout: "invalid: EXPIRED: exp is over\nprofile  service\nid       0199-id\n",
    stderr: "",
  });
});

test("--json keeps the exit code, 64-bit numbers exact and false fields absent", async (t) => {
  const service = await fakeService({ verifyToken: EXPIRED });
  const other = await fakeService({ verifyToken: VALID });
  t.teardown(service.stop);
  t.teardown(other.stop);
  const invalid = await signet([...VERIFY, "--json", TOKEN], { env: service.env });
  t.is(invalid.code, 1);
  t.deepEqual(JSON.parse(invalid.stdout), {
    rejection: { reason: "REJECTION_REASON_EXPIRED", message: "exp is over" },
    tokenId: "0199-id",
    profile: "service",
  });
  const valid = await signet([...VERIFY, "--json", TOKEN], { env: other.env });
  t.is(valid.code, 0);
  t.is(JSON.parse(valid.stdout).keyringGeneration, "9007199254740993");
});

test("a reason that only a newer service knows is its number in proto-JSON", async (t) => {
  const rejection = Rejection.fromPartial({ reason: 99 as RejectionReason, message: "new" });
  const service = await fakeService({ verifyToken: { ...EXPIRED, rejection } });
  t.teardown(service.stop);
  const { code, stdout } = await signet([...VERIFY, "--json", TOKEN], { env: service.env });
  t.is(code, 1);
  t.is(JSON.parse(stdout).rejection.reason, 99);
});

for (const [how, words, stdin] of [
  ["as an argument", [TOKEN], ""],
  ["from standard input without an argument", [], `${TOKEN}\n`],
  ["from standard input by -", ["-"], `${TOKEN}\r\n`],
] as const) {
  test(`the token is taken ${how}, without the line break of the shell`, async (t) => {
    const service = await fakeService({ verifyToken: VALID });
    t.teardown(service.stop);
    t.is((await signet([...VERIFY, ...words], { env: service.env, stdin })).code, 0);
    t.deepEqual(service.requests, [
      VerifyTokenRequest.fromPartial({
        credential: { $case: "token", value: TOKEN },
        profile: "service",
        audience: "api://orders",
      }),
    ]);
  });
}

test("every field of a request is sent", async (t) => {
  const service = await fakeService({ verifyToken: VALID });
  t.teardown(service.stop);
  const words = ["--tenant", "t-1", "--context", '{"room":"r-1"}', "--at", "2026-11-22T13:00:00.5+01:00", TOKEN];
  t.is((await signet([...VERIFY, ...words], { env: service.env })).code, 0);
  t.like(service.requests[0], { tenant: "t-1", context: { room: "r-1" }, at: new Date(NOW + 500) });
  t.is((await signet([...VERIFY, "--consume", "--request-id", "r-1", TOKEN], { env: service.env })).code, 0);
  t.like(service.requests[1], { consume: true, requestId: "r-1" });
});

test("what a client sent is taken part by part, and no token is read then", async (t) => {
  const service = await fakeService({ verifyToken: VALID });
  t.teardown(service.stop);
  const words = [
    ...["--header", "Authorization:  Bearer a:b", "--header", "X-Key:c", "--query", "token=d=e", "--query", "token="],
    ...["--cookie", "session=f", "--body", "token=g", "--frame", "Bearer h"],
  ];
  const { code, stderr } = await signet([...VERIFY, ...words], { env: service.env, stdin: TOKEN });
  t.is(code, 0, stderr);
  const value = Carrier.fromPartial({
    headers: [
      { name: "Authorization", value: "Bearer a:b" },
      { name: "X-Key", value: "c" },
    ],
    query: [
      { name: "token", value: "d=e" },
      { name: "token", value: "" },
    ],
    cookies: [{ name: "session", value: "f" }],
    body: [{ name: "token", value: "g" }],
    frame: Buffer.from("Bearer h"),
  });
  t.like(service.requests[0], { credential: { $case: "carrier", value } });
});

test("warnings, the diagnosis and what the client would be shown are printed", async (t) => {
  const rejection = Rejection.fromPartial({
    ...EXPIRED.rejection,
    httpStatus: 401,
    wwwAuthenticate: 'Bearer error="invalid_token"',
    websocketCloseCode: 4401,
    websocketCloseReason: "not authenticated",
    frame: '{"res":"err"}\u001b[2J',
  });
  const rejected = await fakeService({ verifyToken: { ...EXPIRED, rejection, diagnosis: "exp looks like\u202e it" } });
  const warned = await fakeService({
    verifyToken: {
      valid: true,
      profile: "service",
      frame: "[1]",
      warnings: [{ code: "NO_EXPIRY", message: "no exp" }],
    },
  });
  t.teardown(rejected.stop);
  t.teardown(warned.stop);
  t.is(
    (await signet([...VERIFY, TOKEN], { env: rejected.env })).stdout,
    `invalid: EXPIRED: exp is over
diagnosis  exp looks like\\u{202e} it
profile    service
id         0199-id
http       401, WWW-Authenticate: Bearer error="invalid_token"
websocket  4401 not authenticated
frame      {"res":"err"}\\u{1b}[2J
`,
  );
  t.is(
    (await signet([...VERIFY, TOKEN], { env: warned.env })).stdout,
    "valid\nprofile  service\nframe    [1]\nwarning: NO_EXPIRY: no exp\n",
  );
});

for (const [what, words, message] of [
  [
    "a token beside a header",
    ["--header", "A: b", TOKEN],
    "a token can't be combined with --header, --query, --cookie, --body or --frame",
  ],
  ["a header without a colon", ["--header", TOKEN], "--header must be 'Name: value'"],
  ["a parameter without a name", ["--query", `=${TOKEN}`], "--query must be name=value"],
  ["a cookie without =", ["--cookie", TOKEN], "--cookie must be name=value"],
  ["a property without a name", ["--body", "=a"], "--body must be name=value"],
  [
    "a context that is no JSON",
    ["--context", "{room", TOKEN],
    "--context is not JSON; allowed: a JSON object, @file, or - for standard input",
  ],
  ["a context that is a list", ["--context", "[]", TOKEN], "--context must be a JSON object"],
] as const) {
  test(`${what} ends with 2, and says what is allowed`, async (t) => {
    const { code, stdout, stderr } = await signet([...VERIFY, ...words]);
    t.is(code, 2);
    t.is(stdout, "");
    t.is(stderr, `error: ${message}\n`);
  });
}

for (const at of ["now", "2026-11-22", "2026-11-22T12:00:00", "2026-13-22T12:00:00Z", "1800000000"]) {
  test(`the time ${at} ends with 2`, async (t) => {
    const { code, stderr } = await signet([...VERIFY, "--at", at, TOKEN]);
    t.is(code, 2);
    t.regex(stderr, /Allowed: an RFC 3339 time such as 2026-11-22T12:00:00Z\.\n$/);
  });
}

test("white space of the token itself is sent unchanged: the service decides whether it matters", async (t) => {
  const service = await fakeService({ verifyToken: EXPIRED });
  t.teardown(service.stop);
  await signet(VERIFY, { env: service.env, stdin: ` ${TOKEN}\n\n` });
  t.like(service.requests[0], { credential: { value: ` ${TOKEN}\n` } });
});

test("an empty standard input ends with 2", async (t) => {
  const { code, stderr } = await signet(VERIFY, { stdin: "\n" });
  t.is(code, 2);
  t.is(stderr, "error: standard input holds no token\n");
});

for (const [what, words] of [
  ["instead of the profile", ["token", "verify", TOKEN]],
  ["twice", [...VERIFY, TOKEN, TOKEN]],
  ["in the value of an unknown option", [...VERIFY, `--token=${TOKEN}`]],
  ["as an unknown command", ["token", TOKEN]],
  ["as a timeout", [...VERIFY, "--timeout", TOKEN]],
  ["as an address", [...VERIFY, "--address", TOKEN, TOKEN]],
  ["instead of any command", [TOKEN, "--json"]],
] as const) {
  test(`a token ${what} ends with 2 and is not repeated`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.is(code, 2);
    t.is(stdout, "");
    t.not(stderr, "");
    t.notRegex(stderr, /eyJ|c2lnbmF0dXJl/);
  });
}
