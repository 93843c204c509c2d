import { createHash, randomBytes } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { createSearch } from "../../scripts/leaks/search.ts";
import { filesIn } from "../support/files/config-files.ts";
import { runScript } from "./stub-path.ts";

const FORMS = [
  ["verbatim", "latin1"],
  ["hex", "hex"],
  ["base64", "base64"],
  ["base64", "base64url"],
] as const;

// Not random: one in some thousand keys has so few digits in hex that it counts as uniform there.
const key = createHash("sha256").update("a key").digest();
const found = (content: string | Buffer, bytes = key) =>
  createSearch([{ kind: "key", bytes }])(Buffer.from(content)).map(({ form }) => form);

for (const [form, encoding] of FORMS) {
  const text = Buffer.from(key.toString(encoding).replace(/=+$/, ""), "latin1");
  test(`a secret in ${encoding} is found in the middle, at either end, and by itself`, (t) => {
    const around = Buffer.from("what stands before and after it");
    for (const content of [
      text,
      Buffer.concat([around, text, around]),
      Buffer.concat([around, text]),
      Buffer.concat([text, around]),
    ])
      t.true(found(content).includes(form));
  });

  test(`a secret in ${encoding} is found by its first or its second half`, (t) => {
    const half = text.length >> 1;
    t.deepEqual(found(text.subarray(0, half)), [form]);
    t.true(found(text.subarray(half - 8)).includes(form));
  });
}

test("each of many secrets is found, and where it is", (t) => {
  const secrets = Array.from({ length: 5_000 }, (_, at) => ({ kind: `secret ${at}`, bytes: randomBytes(64) }));
  const search = createSearch(secrets);
  t.deepEqual(search(randomBytes(1_000_000)), [], "none in noise");
  const content = Buffer.concat(secrets.map(({ bytes }) => bytes));
  const begins = search(content).filter(({ offset }) => offset % 64 === 0);
  t.deepEqual(
    begins.map(({ kind, offset }) => [kind, offset]),
    secrets.map(({ kind }, at) => [kind, at * 64]),
  );
});

test("what is short or uniform is no secret, since it can't be distinguished from other bytes", (t) => {
  t.deepEqual(found("a short secret in a log", Buffer.from("short secret")), []);
  t.deepEqual(found(Buffer.alloc(100), Buffer.alloc(32)), []);
  t.deepEqual(found("x".repeat(100), Buffer.from("x".repeat(32))), []);
});

const SIGNATURE = createHash("sha512").update("a signature").digest("base64url");
const GATHERED = {
  "secrets.1-1": `signature ${SIGNATURE}\n`,
  "secrets.1-2": `key ${key.toString("base64url")}\n`,
  "secrets.1-3": `credential ${randomBytes(48).toString("base64url")}\n`,
  "logs.1-1": '{"event":"ready"}\n',
  "events.1-1": '{"tokenIssued":{}}\n',
  "metrics.1-2": "signet_issued_total 1\n",
  "errors.1-2": "there is no such profile\n",
  "traces.1-2": "signet.v1.TokenService/IssueToken\n",
};

/** What the scan says of the files that a run has gathered. */
async function scan(t: ExecutionContext, changes: Readonly<Record<string, string>> = {}, ...options: string[]) {
  const folder = await filesIn(t, { ...GATHERED, ...changes });
  const args = ["scripts/leaks.ts", folder, ...options];
  const { code, stdout } = await runScript(process.execPath, args, process.env.PATH ?? "");
  return { code, lines: stdout.trimEnd().split("\n") };
}

test("a run that showed no secret passes", async (t) => {
  const { code, lines } = await scan(t, {}, "--whole");
  t.is(code, 0);
  t.deepEqual(lines, ["ok 3 secrets, 0.0 MB of logs, events, metrics, errors and traces, 0 leaks"]);
});

for (const [place, secret, leak] of [
  ["logs.1-1", `{"error":"can't read ${SIGNATURE}"}`, "a signature in the logs, in base64"],
  ["events.1-1", `{"reason":"${key.toString("hex")}"}`, "a key in the events, in hex"],
  ["metrics.1-2", `signet_total{key="${key.toString("base64")}"} 1`, "a key in the metrics, in base64"],
  ["errors.1-2", `no such token: ${SIGNATURE}`, "a signature in the errors, in base64"],
  ["traces.1-2", `signet.caller: ${SIGNATURE}`, "a signature in the traces, in base64"],
] as const)
  test(`${leak}, fails the run, which says what stands before it`, async (t) => {
    const { code, lines } = await scan(t, { [place]: secret });
    t.is(code, 1);
    t.true(lines[1]?.startsWith(`  ${leak}, after `), lines[1]);
    t.true(lines[1]?.includes(JSON.stringify(secret.slice(0, 9)).slice(1, -1)));
    t.regex(lines[0] ?? "", /^not ok 3 secrets, .* 2 leaks$/);
  });

test("a whole run that gathered nothing of a kind fails", async (t) => {
  const uniform = `key ${Buffer.alloc(32).toString("base64url")}\n`;
  const changes = { "secrets.1-2": uniform };
  t.is((await scan(t, changes)).code, 0, "some tests have no such secret");
  const { code, lines } = await scan(t, changes, "--whole");
  t.is(code, 1);
  t.is(lines[1], "  nothing was gathered of: key");
});
