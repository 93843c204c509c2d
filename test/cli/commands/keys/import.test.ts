import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import test from "ava";
import { Key, SecretEncoding } from "../../../../src/gen/signet/v1/keys.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { badRequest, errorInfo, fakeService, Refusal } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const SECRET = "c2VjcmV0LW9mLXRoZS1jb21tYW5kLWxpbmUtdGVzdA==";
const KEY = Key.fromPartial({
  keyId: "k2",
  profile: "hivekit",
  algorithm: "HS256",
  byteLength: 32,
  fingerprint: "abcdefghijklmnop",
});
const ANSWER = { key: KEY, overlapping: 1, overlapUntil: new Date(NOW + 24 * 3_600_000), warnings: [] };
const WORDS = ["keys", "import", "--profile", "hivekit", "--encoding", "base64"];

test("the secret from standard input is imported; standard output holds only the key id", async (t) => {
  const service = await fakeService({ importKey: ANSWER });
  t.teardown(service.stop);
  const words = [...WORDS, "--tenant", "acme", "--key-id", "k2", "--overlap", "24h", "--allow-weak"];
  t.deepEqual(await signet(words, { env: service.env, stdin: SECRET }), {
    code: 0,
    stdout: "k2\n",
    stderr:
      "signs now: HS256, 32 bytes, fingerprint abcdefghijklmnop; earlier keys that still verify: 1, until 2026-11-23T12:00:00Z (in 24h)\n",
  });
  t.deepEqual(service.requests, [
    {
      profile: "hivekit",
      tenant: "acme",
      secret: SECRET,
      encoding: SecretEncoding.SECRET_ENCODING_BASE64,
      keyId: "k2",
      overlap: { seconds: 86_400n, nanos: 0 },
      allowWeak: true,
      algorithm: "",
    },
  ]);
});

for (const [name, end] of Object.entries({ "a line feed": "\n", "CR LF": "\r\n" })) {
  test(`${name} at the end of a secret's file is taken away, and that is said`, async (t) => {
    const service = await fakeService({ importKey: { ...ANSWER, warnings: ["WEAK_KEY"] } });
    t.teardown(service.stop);
    const file = join(await tempFolder(t), "secret");
    await writeFile(file, `${SECRET}\n${end}`);
    const { code, stderr } = await signet([...WORDS, "--secret-file", file], { env: service.env });
    t.is(code, 0);
    t.regex(stderr, /^notice: the line break at the end/);
    t.regex(stderr, /^warning: WEAK_KEY$/m);
    t.like(service.requests[0], { secret: `${SECRET}\n`, keyId: "", overlap: undefined, allowWeak: false });
  });
}

test("--overlap 0 is sent, and --json prints the answer", async (t) => {
  const service = await fakeService({ importKey: { key: KEY } });
  t.teardown(service.stop);
  const { stdout } = await signet([...WORDS, "--overlap", "0", "--json"], { env: service.env, stdin: SECRET });
  t.like(service.requests[0], { overlap: { seconds: 0n, nanos: 0 } });
  t.like(JSON.parse(stdout), { key: { keyId: "k2", byteLength: 32 } });
});

test("a refusal is shown with its reason and fields, and standard output is empty", async (t) => {
  const details = [errorInfo("WEAK_KEY"), badRequest({ field: "secret", description: "is short" })];
  const service = await fakeService({
    importKey: new Refusal(status.FAILED_PRECONDITION, "the key has 8 bytes", details),
  });
  t.teardown(service.stop);
  const { code, stdout, stderr } = await signet(WORDS, { env: service.env, stdin: SECRET });
  t.deepEqual([code, stdout], [2, ""]);
  t.regex(stderr, /FAILED_PRECONDITION: the key has 8 bytes\n {2}secret: is short\n {2}reason: WEAK_KEY/);
});

for (const words of [
  [...WORDS, SECRET],
  [...WORDS, "--secret-file", SECRET],
  [...WORDS, `--secret=${SECRET}`],
])
  test(`a secret that was put on the command line is refused, and not repeated: ${words.length} ${words[6]?.slice(0, 9)}`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.deepEqual([code, stdout], [2, ""]);
    t.false(stderr.includes(SECRET));
    t.true(stderr.length > 0);
  });

test("a private key is sent with its algorithm and without an encoding", async (t) => {
  const service = await fakeService({ importKey: ANSWER });
  t.teardown(service.stop);
  const pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
  const words = ["keys", "import", "--profile", "jaas", "--algorithm", "RS256", "--key-id", "a/b.c"];
  t.is((await signet(words, { env: service.env, stdin: `${pem}\n` })).code, 0);
  const encoding = SecretEncoding.SECRET_ENCODING_UNSPECIFIED;
  t.like(service.requests[0], { secret: pem, algorithm: "RS256", encoding, keyId: "a/b.c" });
});

test("the profile is required, and what is no algorithm, encoding or kid is refused before the call", async (t) => {
  t.regex((await signet(["keys", "import", "--encoding", "hex"])).stderr, /required option '--profile/);
  for (const [option, value] of [
    ["--algorithm", "none"],
    ["--algorithm", "RS1"],
    ["--encoding", "base32"],
    ["--key-id", "a b"],
  ] as const) {
    const { code, stderr } = await signet([...WORDS, option, value], { stdin: SECRET });
    t.is(code, 2, value);
    t.regex(stderr, option === "--key-id" ? /KID must be/ : /Allowed choices/, value);
  }
});
