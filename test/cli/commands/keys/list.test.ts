import test from "ava";
import { KeyState } from "../../../../src/gen/signet/v1/keys.ts";
import { fakeService } from "../../fake-service.ts";
import { NOW, signet } from "../../terminal.ts";

const HOUR = 3_600_000;
const KEYS = [
  {
    keyset: "service",
    keyId: "newer-kid",
    algorithm: "EdDSA",
    state: KeyState.KEY_STATE_PUBLISHED,
    publishAt: new Date(NOW - 90_000),
    signFrom: new Date(NOW + 2 * HOUR),
    signUntil: new Date(NOW + 72 * HOUR),
    verifyUntil: undefined,
    epoch: 2n,
    profile: "",
    tenant: "",
    byteLength: 0,
    fingerprint: "",
    revokedAt: undefined,
    waitsFor: [],
  },
  {
    keyset: "service",
    keyId: "kid",
    algorithm: "EdDSA",
    state: KeyState.KEY_STATE_ACTIVE,
    publishAt: new Date(NOW - 25 * HOUR),
    signFrom: new Date(NOW - 24 * HOUR),
    signUntil: new Date(NOW + 150_000),
    verifyUntil: new Date(NOW),
    epoch: 2n,
    profile: "",
    tenant: "",
    byteLength: 0,
    fingerprint: "",
    revokedAt: undefined,
    waitsFor: [],
  },
];

test("--table: a table shows the keys with their states, and how far away their times are", async (t) => {
  const service = await fakeService({ listKeys: { keys: KEYS } });
  t.teardown(service.stop);
  t.deepEqual(await signet(["keys", "list", "--table"], { env: service.env }), {
    code: 0,
    stdout: `KEYSET   KID        ALG    STATE      PUBLISH  SIGN FROM  SIGN UNTIL  VERIFY UNTIL
service  newer-kid  EdDSA  published  90s ago  in 2h      in 3d       -
service  kid        EdDSA  active     25h ago  24h ago    in 3m       now
`,
    stderr: "",
  });
});

test("colours do not move the columns of the table", async (t) => {
  const service = await fakeService({ listKeys: { keys: KEYS } });
  t.teardown(service.stop);
  const plain = await signet(["keys", "list", "--table"], { env: service.env });
  const coloured = await signet(["keys", "list", "--table"], { env: service.env, tty: true });
  t.true(coloured.stdout.includes("\u001b[32mactive\u001b[39m"));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is taken out
  t.is(coloured.stdout.replace(/\u001b\[\d+m/g, ""), plain.stdout);
});

test("--keyset asks for one keyset, and --json answers the absolute times", async (t) => {
  const service = await fakeService({ listKeys: { keys: KEYS.slice(0, 1) } });
  t.teardown(service.stop);
  const { code, stdout } = await signet(["keys", "list", "--keyset", "service", "--json"], { env: service.env });
  t.is(code, 0);
  t.deepEqual(service.requests, [{ keyset: "service" }]);
  t.deepEqual(JSON.parse(stdout), {
    keys: [
      {
        keyset: "service",
        keyId: "newer-kid",
        algorithm: "EdDSA",
        state: "KEY_STATE_PUBLISHED",
        publishAt: "2026-11-22T11:58:30Z",
        signFrom: "2026-11-22T14:00:00Z",
        signUntil: "2026-11-25T12:00:00Z",
        epoch: "2",
      },
    ],
  });
});

test("a table of their own shows imported secrets, with their length and fingerprint", async (t) => {
  const secret = {
    keyset: "",
    keyId: "k2",
    algorithm: "HS256",
    state: KeyState.KEY_STATE_ACTIVE,
    publishAt: undefined,
    signFrom: new Date(NOW - HOUR),
    signUntil: undefined,
    verifyUntil: undefined,
    epoch: 2n,
    profile: "hivekit",
    tenant: "acme",
    byteLength: 32,
    fingerprint: "abcdefghijklmnop",
    revokedAt: undefined,
    waitsFor: [],
  };
  const table = `PROFILE  TENANT  KID  ALG    STATE   SIGN FROM  SIGN UNTIL  VERIFY UNTIL  BYTES  FINGERPRINT
hivekit  acme    k2   HS256  active  60m ago    -           -             32     abcdefghijklmnop
`;
  const service = await fakeService({ listKeys: { keys: [...KEYS.slice(1), secret] } });
  t.teardown(service.stop);
  const { stdout } = await signet(["keys", "list", "--table"], { env: service.env });
  t.is(stdout.slice(stdout.indexOf("PROFILE")), table);
  t.regex(stdout, /^KEYSET .*\nservice .*\n\nPROFILE/);
  const onlySecrets = await fakeService({ listKeys: { keys: [secret] } });
  t.teardown(onlySecrets.stop);
  for (const words of [["--table"], []])
    t.is((await signet(["keys", "list", ...words], { env: onlySecrets.env })).stdout, table);
});
