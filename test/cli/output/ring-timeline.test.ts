import test, { type ExecutionContext } from "ava";
import { createAxis } from "../../../src/cli/output/ring-axis.ts";
import { Key, KeyState } from "../../../src/gen/signet/v1/keys.ts";
import { fakeService } from "../fake-service.ts";
import { NOW, signet } from "../terminal.ts";

const HOUR = 3_600_000;
const hours = (count: number) => new Date(NOW + count * HOUR);

function key(keyId: string, state: KeyState, times: Partial<Key>): Key {
  return Key.fromPartial({ keyset: "service", keyId, algorithm: "EdDSA", epoch: 7n, state, ...times });
}

const STANDBY = key("standby-kid", KeyState.KEY_STATE_STANDBY, { publishAt: hours(-10) });
const WAITING = key("waiting-kid", KeyState.KEY_STATE_PUBLISHED, {
  publishAt: hours(-10),
  signFrom: hours(10),
  signUntil: hours(30),
  verifyUntil: hours(40),
});
const ACTIVE = key("active-kid", KeyState.KEY_STATE_ACTIVE, {
  publishAt: hours(-30),
  signFrom: hours(-10),
  signUntil: hours(10),
  verifyUntil: hours(20),
});
const REVOKED = key("revoked-kid", KeyState.KEY_STATE_REVOKED, {
  publishAt: hours(-40),
  signFrom: hours(-30),
  signUntil: hours(-10),
  verifyUntil: hours(5),
  revokedAt: hours(-20),
});
const RING = [STANDBY, WAITING, ACTIVE, REVOKED];
const UTF8 = { LANG: "C.UTF-8" };

async function drawn(t: ExecutionContext, keys: Key[], setting: Parameters<typeof signet>[1]) {
  const service = await fakeService({ listKeys: { keys } });
  t.teardown(service.stop);
  const { code, stdout } = await signet(["keys", "list"], { ...setting, env: { ...service.env, ...setting?.env } });
  t.is(code, 0);
  return stdout;
}

test("each key of a ring has a row, with what it does over the time and where now is", async (t) => {
  const picture = await drawn(t, RING, { env: UTF8 });
  t.is(
    picture,
    `service: EdDSA, epoch 7
standby-kid  standby                        ······│·····························
waiting-kid  published                      ░░░░░░│░░░░░░██████████████▒▒▒▒▒▒
active-kid   active            ░░░░░░░░░░░░░██████│██████▒▒▒▒▒▒▒
revoked-kid  revoked    ░░░░░░░██████✗            │
                                 -1d             now             +1d
░ published   █ signing   ▒ verifying   · standby   ✗ revoked   │ now
`,
  );
});

test("a locale without UTF-8 gets ASCII, and the first variable that is set decides", async (t) => {
  for (const env of [{}, { LC_ALL: "C", LANG: "C.UTF-8" }, { LC_CTYPE: "POSIX", LANG: "C.UTF-8" }]) {
    const picture = await drawn(t, RING, { env });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII, and nothing but ASCII
    t.regex(picture, /^[\x00-\x7f]*$/);
    t.regex(picture, /^active-kid +active +-{13}#{6}\|#{6}={7}$/m);
  }
  t.regex(await drawn(t, RING, { env: { LC_ALL: "", LC_CTYPE: "", LANG: "de_DE.utf8" } }), /█/);
});

test("the picture is as wide as the terminal, and 80 columns without one", async (t) => {
  const widest = (picture: string) => Math.max(...picture.split("\n").map((line) => [...line].length));
  const ring = [ACTIVE, WAITING].map((one) => ({ ...one, keyId: "k" }));
  for (const columns of [60, 80, 120, undefined]) {
    const drawnOn = columns ?? 80;
    const width = widest(await drawn(t, ring, columns === undefined ? {} : { columns }));
    t.true(width <= drawnOn && width > 0.9 * drawnOn, `${width} on ${drawnOn}`);
  }
});

test("colours change nothing but colours", async (t) => {
  const plain = await drawn(t, RING, { env: UTF8 });
  const coloured = await drawn(t, RING, { env: UTF8, tty: true });
  t.true(coloured.includes("\u001b[32m█\u001b[39m"));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is taken out
  t.is(coloured.replace(/\u001b\[\d+m/g, ""), plain);
  t.is(await drawn(t, RING, { env: { ...UTF8, NO_COLOR: "1" }, tty: true }), plain);
});

test("replicas that do not hold a key yet are named below it", async (t) => {
  const picture = await drawn(t, [{ ...WAITING, waitsFor: ["replica-b", "replica-\u0007c"] }, ACTIVE], {});
  t.regex(picture, /^waiting-kid .*\n +waits for replica-b, replica-\\u\{7\}c\nactive-kid/m);
});

test("a key that was revoked just now shows it instead of now", async (t) => {
  const picture = await drawn(t, [ACTIVE, { ...REVOKED, revokedAt: new Date(NOW) }], {});
  t.regex(picture, /^revoked-kid +revoked +-+#+=*x$/m);
});

test("a key that was retired early is drawn as signing until the next one did, and no longer", async (t) => {
  const early = key("early-kid", KeyState.KEY_STATE_RETIRED, {
    publishAt: hours(-30),
    signFrom: hours(-20),
    signUntil: hours(10),
    verifyUntil: hours(20),
  });
  const picture = await drawn(t, [ACTIVE, early], {});
  t.regex(picture, /^early-kid +retired +-{11}#{11}=+\|=+$/m);
});

test("a key that signs on, because the next one waits for a replica or was revoked before its time, is drawn so", async (t) => {
  const next = { ...WAITING, signFrom: hours(-5) };
  t.regex(await drawn(t, [next, ACTIVE], {}), /^active-kid +active +-*#+\|=+$/m);
  const revoked = { ...WAITING, state: KeyState.KEY_STATE_REVOKED, signFrom: hours(5), revokedAt: hours(-5) };
  const [, active = ""] = /^active-kid +active +-*(.*)$/m.exec(await drawn(t, [revoked, ACTIVE], {})) ?? [];
  t.regex(active, /^#+\|#{8}=+$/);
});

test("each keyset has a picture of its own", async (t) => {
  const other = { ...ACTIVE, keyset: "euler-stream", keyId: "other-kid" };
  const picture = await drawn(t, [ACTIVE, other], {});
  t.deepEqual(
    [...picture.matchAll(/^(\S+): EdDSA, epoch 7$/gm)].map(([, keyset]) => keyset),
    ["service", "euler-stream"],
  );
  t.regex(picture, /\n\neuler-stream: /);
});

test("a ring with a single moment is drawn as well", async (t) => {
  const picture = await drawn(t, [key("k", KeyState.KEY_STATE_STANDBY, { publishAt: new Date(NOW) })], {});
  t.regex(picture, /^k {2}standby {2}\|\.+$/m);
});

test("labels never touch each other, and now is always among them, for spans of a second to years", (t) => {
  for (let span = 1_000; span < 4e11; span *= 1.7)
    for (const columns of [20, 33, 80, 200])
      for (const share of [0, 0.3, 0.99]) {
        const { labels } = createAxis(NOW - span * share, NOW + span * (1 - share), NOW, columns);
        t.true(labels.length <= columns, `${span} ${columns} ${share}`);
        t.regex(labels, /^ *([-+]\d+[smhd] +)*now( +[-+]\d+[smhd])*$/, `${span} ${columns} ${share}`);
      }
});
