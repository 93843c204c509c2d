import test from "ava";
import { RejectionReason } from "../../src/gen/signet/v1/token.ts";
import { fakeService } from "./fake-service.ts";
import { NOW, signet } from "./terminal.ts";

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
  rejection: { reason: RejectionReason.REJECTION_REASON_EXPIRED, message: "exp is over" },
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
  "note": "\\u001b[2J\\u{9b}\\u{202e}"
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
  const rejection = { reason: 99 as RejectionReason, message: "new" };
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
      { credential: { $case: "token", value: TOKEN }, profile: "service", audience: "api://orders" },
    ]);
  });
}

test("white space of the token itself is sent as it is: whether it matters is the service's to say", async (t) => {
  const service = await fakeService({ verifyToken: EXPIRED });
  t.teardown(service.stop);
  await signet(VERIFY, { env: service.env, stdin: ` ${TOKEN}\n\n` });
  t.like(service.requests[0], { credential: { value: ` ${TOKEN}\n` } });
});

test("an empty standard input ends with 2", async (t) => {
  const { code, stderr } = await signet(VERIFY, { stdin: "\n" });
  t.is(code, 2);
  t.is(stderr, "error: there is no token on standard input\n");
});

for (const [what, words] of [
  ["in the place of the profile", ["token", "verify", TOKEN]],
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
