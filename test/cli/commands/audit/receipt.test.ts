import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { checkpointLine } from "../../../../src/audit/stream-message.ts";
import { ensureStream } from "../../../../src/nats/audit/stream.ts";
import { createLogWriter } from "../../../support/audit/log-writer.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { connect } from "../../../support/nats/connect.ts";
import { startNats, testWithNats } from "../../../support/nats/nats-server.ts";
import { goReceiptReader } from "../../../support/service/peers.ts";
import { testUnless } from "../../../support/unless-missing.ts";
import { signet } from "../../terminal.ts";

// Before the first test: AVA takes none that is declared later.
const readByOthers = await goReceiptReader();
const MISSING = "there is no Go, or its modules of transparency.dev can't be had";

/** A file with five events, of which a checkpoint covers four, and the policy of its log. */
async function logFiles(t: ExecutionContext<unknown>) {
  const log = createLogWriter("w");
  for (const _ of [0, 1, 2, 3, 4]) log.append();
  const folder = await tempFolder(t);
  const [file, policy] = [join(folder, "log.ndjson"), join(folder, "audit.policy")];
  const lines = [...log.bodies, checkpointLine(log.checkpointAt(4))];
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
  await writeFile(policy, `${log.policyLine}quorum none\n`);
  return { log, folder, file, policy };
}

test("a receipt from exported files says offline that the token was logged", async (t) => {
  const { log, file, policy } = await logFiles(t);
  const given = await signet(["audit", "receipt", "t-2", file]);
  t.deepEqual([given.code, given.stderr], [0, ""]);
  t.true(given.stdout.startsWith("c2sp.org/tlog-proof@v1\nextra "));
  const checked = await signet(["audit", "check-receipt", "-", "--policy", policy], {
    stdin: Buffer.from(given.stdout),
  });
  t.is(checked.code, 0, checked.stderr);
  t.is(
    checked.stdout,
    `token      t-2
profile    service
key        k1
event      w-2
log        signet.example/audit/w, index 2, by a checkpoint of 4 events
logged
`,
  );
  const words = ["audit", "check-receipt", "--json", "-", "--policy", policy];
  t.is((await signet(words, { stdin: Buffer.from(given.stdout) })).stdout, `${log.bodies[2]}\n`);
});

testUnless(
  readByOthers === undefined ? MISSING : undefined,
  "the libraries of transparency.dev find in a receipt the event that the log has, and in an altered one none",
  async (t) => {
    const { log, folder, file } = await logFiles(t);
    const { stdout } = await signet(["audit", "receipt", "t-2", file]);
    const key = log.policyLine.trim().split(" ")[1] ?? "";
    const read = async (text: string) => {
      await writeFile(join(folder, "token.tlog-proof"), text);
      return readByOthers?.(key, join(folder, "token.tlog-proof"));
    };
    t.is(await read(stdout), String(log.bodies[2]));
    const forged = Buffer.from(String(log.bodies[2]).replace("t-2", "t-9")).toString("base64");
    for (const [altered, message] of [
      [stdout.replace(/^extra .*$/m, `extra ${forged}`), /root/],
      [stdout.replace("index 2", "index 1"), /root/],
      [stdout.replace("\n4\n", "\n5\n"), /signature/],
      [stdout.replace("tlog-proof@v1", "tlog-proof@v2"), /not a tlog-proof/],
    ] as const) {
      t.not(altered, stdout);
      await t.throwsAsync(read(altered), { message });
    }
  },
);

test("with a policy, checkpoints that it does not trust cover nothing", async (t) => {
  const { folder, file, policy } = await logFiles(t);
  t.is((await signet(["audit", "receipt", "t-2", file, "--policy", policy])).code, 0, "control");
  const other = join(folder, "other.policy");
  await writeFile(other, `${createLogWriter("w").policyLine}quorum none\n`);
  const forged = await signet(["audit", "receipt", "t-2", file, "--policy", other]);
  t.is(forged.code, 1);
  t.regex(
    forged.stderr,
    /NO_CHECKPOINT: the key that the policy has .* did not sign .*, and no other checkpoint covers it in these files/,
  );
  const stranger = join(folder, "stranger.policy");
  await writeFile(stranger, `${createLogWriter("v").policyLine}quorum none\n`);
  const unknown = await signet(["audit", "receipt", "t-2", file, "--policy", stranger]);
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /UNKNOWN_LOG: the policy has no log of the event's writer/);
});

test("the new file of a receipt is for its owner alone, and never overwritten", async (t) => {
  const { folder, file, policy } = await logFiles(t);
  const out = join(folder, "token.tlog-proof");
  t.is((await signet(["audit", "receipt", "t-0", file, "--out", out])).code, 0);
  t.is((await stat(out)).mode & 0o777, 0o600);
  t.is((await signet(["audit", "check-receipt", out, "--policy", policy])).code, 0);
  const again = await signet(["audit", "receipt", "t-1", file, "--out", out]);
  t.is(again.code, 2);
  t.regex(again.stderr, /the file of --out exists; it is never overwritten/);
});

test("without a receipt from files, no later one is promised", async (t) => {
  const { folder, file } = await logFiles(t);
  const out = join(folder, "none");
  for (const [token, code, message] of [
    ["t-4", 1, /NO_CHECKPOINT: no checkpoint covers the event in these files/],
    ["t-9", 1, /NOT_FOUND: no event that was read says [^;]*$/],
  ] as const) {
    const found = await signet(["audit", "receipt", token, file, "--out", out]);
    t.deepEqual([found.code, found.stdout], [code, ""]);
    t.regex(found.stderr, message);
  }
  t.false((await readdir(folder)).includes("none"));
});

test("a receipt that proves nothing is refused with the reason, and one that can't be read", async (t) => {
  const { folder, file, policy } = await logFiles(t);
  const { stdout } = await signet(["audit", "receipt", "t-2", file]);
  const check = (receipt: string) =>
    signet(["audit", "check-receipt", "-", "--policy", policy], { stdin: Buffer.from(receipt) });
  t.is((await check(stdout)).code, 0, "control");
  const moved = await check(stdout.replace("\nindex 2\n", "\nindex 1\n"));
  t.deepEqual([moved.code, moved.stdout], [1, ""]);
  t.regex(moved.stderr, /NOT_INCLUDED: the event is not in the log that the checkpoint states/);
  t.regex((await check("no receipt")).stderr, /MALFORMED: this is no tlog-proof/);
  const missing = await signet(["audit", "check-receipt", join(folder, "none"), "--policy", policy]);
  t.is(missing.code, 2);
  t.regex(missing.stderr, /none can't be used: ENOENT/);
  const large = await signet(["audit", "check-receipt", "-", "--policy", policy], { stdin: Buffer.alloc(3_000_000) });
  t.deepEqual([large.code, /standard input is larger than 2 MiB/.test(large.stderr)], [2, true]);
});

testWithNats("a receipt from the stream is the one from its export", async (t) => {
  const { log, folder } = await logFiles(t);
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  await ensureStream(connection, 1);
  const env = { SIGNET_NATS_URL: server.url };
  for (const body of log.bodies) await connection.jetstream().publish("signet.audit.token.issued.service", body);
  const pending = await signet(["audit", "receipt", "t-2"], { env });
  t.is(pending.code, 3);
  t.regex(pending.stderr, /PENDING: no checkpoint covers the event yet: one comes within a minute/);
  const none = await signet(["audit", "receipt", "t-9"], { env });
  t.is(none.code, 1);
  t.regex(none.stderr, /NOT_FOUND: no event .*; if the stream was trimmed, name the files of its archive/);
  const policy = join(folder, "stranger.policy");
  await writeFile(policy, `${createLogWriter("v").policyLine}quorum none\n`);
  const unknown = await signet(["audit", "receipt", "t-2", "--policy", policy], { env });
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /UNKNOWN_LOG/);
  await connection.jetstream().publish("signet.audit.checkpoint.w", log.checkpointAt());
  const file = join(folder, "exported.ndjson");
  t.is((await signet(["audit", "export", "--out", file], { env })).code, 0);
  const given = await signet(["audit", "receipt", "t-2"], { env });
  t.is(given.code, 0);
  t.is(given.stdout, (await signet(["audit", "receipt", "t-2", file])).stdout);
  t.true((await readFile(file, "utf8")).includes("checkpoint"), "control");
});

for (const [what, words, said] of [
  ["a token's id that is none", ["audit", "receipt", ""], "TOKEN_ID must be the id of a token"],
  ["an option for NATS beside a file", ["audit", "receipt", "t", "/dev/null", "--creds", "x"], "leave out --creds"],
  ["a check without a policy", ["audit", "check-receipt", "/dev/null"], "--policy"],
] as const)
  test(`${what} is wrong usage`, async (t) => {
    const { code, stdout, stderr } = await signet(words);
    t.deepEqual([code, stdout], [2, ""]);
    t.true(stderr.includes(said), stderr);
  });
