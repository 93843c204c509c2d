import { status } from "@grpc/grpc-js";
import test from "ava";
import { durationMessage } from "../../../../src/cli/output/proto-json.ts";
import { errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const HOUR = 3_600_000;
const hours = (count: number) => new Date(NOW + count * HOUR);

const PLAN = {
  activeKeyId: "active-kid",
  nextKeyId: "next-kid",
  nextAt: hours(10),
  earliestAt: hours(0.05),
  standbyKeyId: "standby-kid",
  standbyReadyAt: hours(-3),
  bounds: [
    { name: "lead", value: durationMessage(1_020_000), bound: durationMessage(1_020_000), rule: "C + P + S" },
    { name: "period", value: durationMessage(86_400_000), bound: undefined, rule: "more than lead + D" },
  ],
};

test("keys plan shows which key signs, which is next and when, how early, and why", async (t) => {
  const service = await fakeService({ planRotation: PLAN });
  t.teardown(service.stop);
  t.deepEqual(await signet(["keys", "plan", "service"], { env: service.env }), {
    code: 0,
    stdout: `signs     active-kid
next      next-kid at 2026-11-22T22:00:00Z (in 10h)
earliest  2026-11-22T12:03:00Z (in 3m)
standby   standby-kid, known to every verifier from 2026-11-22T09:00:00Z (3h ago)

RULE    VALUE   BOUND  WHY
lead    1020s   1020s  C + P + S
period  86400s  -      more than lead + D
`,
    stderr: "",
  });
  t.deepEqual(service.requests, [{ keyset: "service" }]);
});

test("keys plan shows when a keyset has no signing key, no next key or no standby", async (t) => {
  const service = await fakeService({ planRotation: {} });
  t.teardown(service.stop);
  const { stdout } = await signet(["keys", "plan", "service"], { env: service.env });
  t.regex(stdout, /^signs +none\nnext +none at -\nearliest +-\nstandby +none, known to every verifier from -\n/);
});

test("keys rotate asks for the earliest safe time, and standard output holds only the key id", async (t) => {
  const service = await fakeService({ rotateKeys: { keyId: "next-kid", signFrom: hours(1.5), epoch: 8n } });
  t.teardown(service.stop);
  t.deepEqual(await signet(["keys", "rotate", "service"], { env: service.env }), {
    code: 0,
    stdout: "next-kid\n",
    stderr: "signs from 2026-11-22T13:30:00Z (in 90m), epoch 8\n",
  });
  t.deepEqual(service.requests, [{ keyset: "service", at: undefined }]);
});

test("keys rotate --at sends the time, and --json prints the answer", async (t) => {
  const service = await fakeService({ rotateKeys: { keyId: "next-kid", signFrom: hours(2), epoch: 8n } });
  t.teardown(service.stop);
  const words = ["keys", "rotate", "service", "--at", "2026-11-22T14:00:00Z", "--json"];
  const { stdout } = await signet(words, { env: service.env });
  t.deepEqual(service.requests, [{ keyset: "service", at: hours(2) }]);
  t.deepEqual(JSON.parse(stdout), { keyId: "next-kid", signFrom: "2026-11-22T14:00:00Z", epoch: "8" });
});

test("a rotation that comes too early ends with 2 and says how early it may come", async (t) => {
  const message = "the earliest safe time is 2026-11-22T12:17:00.000Z";
  const refusal = new Refusal(status.FAILED_PRECONDITION, message, [errorInfo("TOO_EARLY")]);
  const service = await fakeService({ rotateKeys: refusal });
  t.teardown(service.stop);
  const words = ["keys", "rotate", "service", "--at", "2026-11-22T12:00:01Z"];
  t.deepEqual(await signet(words, { env: service.env }), {
    code: 2,
    stdout: "",
    stderr: `error: FAILED_PRECONDITION: ${message}\n  reason: TOO_EARLY\n`,
  });
});

test("keys revoke says which key signs now, and which replicas know of the change and which do not", async (t) => {
  const answer = {
    signingKeyId: "standby-kid",
    epoch: 9n,
    replicasInformed: ["replica-a", "replica-b"],
    replicasLate: ["replica-c"],
    knownEverywhereAt: hours(0.25),
  };
  const service = await fakeService({ revokeKey: answer });
  t.teardown(service.stop);
  t.deepEqual(await signet(["keys", "revoke", "stolen-kid", "--reason", "INC-2041"], { env: service.env }), {
    code: 0,
    stdout: `signs now         standby-kid
epoch             9
known everywhere  2026-11-22T12:15:00Z (in 15m)
informed          replica-a replica-b
late              replica-c
`,
    stderr: "",
  });
  t.deepEqual(service.requests, [{ keyId: "stolen-kid", reason: "INC-2041", profile: "", tenant: "" }]);
});

test("keys revoke names the profile and tenant of an imported secret, and says when nothing signs any more", async (t) => {
  const service = await fakeService({ revokeKey: { epoch: 3n } });
  t.teardown(service.stop);
  const words = ["--reason", "r", "--profile", "hivekit", "--tenant", "acme", "--", "-k2"];
  const { stdout } = await signet(["keys", "revoke", ...words], { env: service.env });
  t.deepEqual(service.requests, [{ keyId: "-k2", reason: "r", profile: "hivekit", tenant: "acme" }]);
  t.regex(stdout, /^signs now +none\nepoch +3\nknown everywhere +-\n$/);
  const json = await signet(["keys", "revoke", "k2", "--reason", "r", "--json"], { env: service.env });
  t.deepEqual(JSON.parse(json.stdout), { epoch: "3" });
});

for (const [words, said] of [
  [["revoke", "kid"], /required option '--reason <text>' not specified/],
  [["revoke", "a b", "--reason", "r"], /KID must be 1 to 255 characters of printable ASCII/],
  [["revoke", `eyJhbGciOiJIUzI1NiJ9.e30.${"x".repeat(43)}`, "--reason", "r"], /KID must not contain a token/],
  [["rotate", "service", "--at", "tomorrow"], /Allowed: an RFC 3339 time/],
] as const) {
  test(`keys ${words.join(" ")} is wrong usage, and nothing is sent`, async (t) => {
    const service = await fakeService({});
    t.teardown(service.stop);
    const { code, stderr } = await signet(["keys", ...words], { env: service.env });
    t.is(code, 2);
    t.regex(stderr, said);
    t.deepEqual(service.requests, []);
  });
}
