import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { ensureStream } from "../../../../src/nats/audit/stream.ts";
import { createLogSigner } from "../../../support/audit/log-signer.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { connect } from "../../../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../../../support/nats/nats-server.ts";
import { signetProcess } from "../../../support/service/command-line.ts";
import { type Ending, shared } from "../../../support/service/shared.ts";
import { signet, terminal } from "../../terminal.ts";

const body = (id: string, writer = "a") =>
  JSON.stringify({ eventId: id, time: "2026-11-22T12:00:00Z", writer, epoch: "1", seq: id, note: "\u009b €" });

/** A stream with three events of two writers. */
const stored = shared(test, async (t: Ending) => {
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  await ensureStream(connection, 1);
  const publish = (type: string, text: string) => connection.jetstream().publish(`signet.audit.${type}`, text);
  for (const [type, text] of EVENTS) await publish(type, text);
  return { publish, env: { SIGNET_NATS_URL: server.url } };
});

const EVENTS = [
  ["service.started._", body("1")],
  ["token.issued.service", body("2")],
  ["token.issued.service", body("1", "b")],
] as const;
const LINES = EVENTS.map(([, text]) => `${text}\n`);

serialTestWithNats(
  "each line is the body of an event, byte for byte, on standard output or in a new file",
  async (t) => {
    const { env } = await stored();
    const piped = await signet(["audit", "export"], { env });
    t.is(piped.code, 0);
    t.is(piped.stdout, LINES.join(""));
    const out = join(await tempFolder(t), "log.ndjson");
    const { code, stdout } = await signet(["audit", "export", "--out", out], { env });
    t.is(code, 0);
    t.is(stdout, "exported 3 events\n");
    t.is(await readFile(out, "utf8"), LINES.join(""));
    t.is((await stat(out)).mode & 0o777, 0o600);
  },
);

serialTestWithNats("the options choose the events", async (t) => {
  const { env } = await stored();
  const exported = async (...words: string[]) =>
    (await terminal({ env, now: Date.now }).signet("audit", "export", ...words)).stdout;
  t.is(await exported("--writer", "b"), LINES[2] ?? "");
  t.is(await exported("--writer", "a", "b"), LINES.join(""));
  t.is(await exported("--subject", "signet.audit.service.>"), LINES[0] ?? "");
  t.is(await exported("--since", "1h"), LINES.join(""));
  t.is(await exported("--since", "0"), "");
  t.is(await exported("--until", "1h"), "");
  t.is(await exported("--since", "1h", "--until", "0"), LINES.join(""));
});

serialTestWithNats("a writer that has no event is told, and nothing is said of those that have", async (t) => {
  const { env } = await stored();
  const none = await signet(["audit", "export", "--writer", "nosuch", "b"], { env });
  t.deepEqual(none, { code: 0, stdout: LINES[2], stderr: "no event of the writer nosuch was found\n" });
  t.is((await signet(["audit", "export", "--writer", "a", "b"], { env })).stderr, "");
});

serialTestWithNats("a checkpoint is a line of its own, and belongs to its writer", async (t) => {
  const { env, publish } = await stored();
  const note = createLogSigner("c").checkpoint([]);
  await publish("checkpoint.c", note);
  await publish("checkpoint.d", "no note");
  const exported = await signet(["audit", "export", "--writer", "c"], { env });
  t.deepEqual([exported.code, exported.stdout], [0, `${JSON.stringify({ checkpoint: note })}\n`]);
  const out = join(await tempFolder(t), "log.ndjson");
  const told = await signet(["audit", "export", "--writer", "a", "c", "--out", out], { env });
  t.is(told.stdout, "exported 2 events and 1 checkpoint\n");
  const { code, stderr } = await signet(["audit", "export", "--subject", "signet.audit.checkpoint.d"], { env });
  t.deepEqual([code, stderr], [1, "1 message is no audit event\n"], "control");
});

serialTestWithNats("on a terminal no byte of an event is a command to it", async (t) => {
  const { env } = await stored();
  const { stdout } = await signet(["audit", "export"], { env, tty: true });
  t.true(stdout.includes('"note":"\\u009b €"'));
});

serialTestWithNats("an existing file is never overwritten, and a folder that is missing is named", async (t) => {
  const { env } = await stored();
  const folder = await tempFolder(t);
  const out = join(folder, "log.ndjson");
  await writeFile(out, "mine");
  const existing = await signet(["audit", "export", "--out", out], { env });
  t.is(existing.code, 2);
  t.regex(existing.stderr, /the file of --out exists; it is never overwritten/);
  t.is(await readFile(out, "utf8"), "mine");
  const missing = await signet(["audit", "export", "--out", join(folder, "none", "log.ndjson")], { env });
  t.is(missing.code, 2);
  t.regex(missing.stderr, /none\/log\.ndjson can't be used: ENOENT: no such file or directory$/m, "and no draft");
});

serialTestWithNats("a message that is no event is exported in base64, and the command ends with 1", async (t) => {
  const { env, publish } = await stored();
  await publish("token.issued.foreign", '{\n"eventId": "1"}');
  const { code, stdout, stderr } = await signet(["audit", "export", "--subject", "signet.audit.*.*.foreign"], { env });
  t.is(code, 1);
  t.deepEqual(JSON.parse(stdout), {
    subject: "signet.audit.token.issued.foreign",
    undecodable: Buffer.from('{\n"eventId": "1"}').toString("base64"),
  });
  t.is(stderr, "1 message is no audit event\n");
});

/** Resolves in the moment in which the command listens: a look now and then would miss a short one. */
function untilInterruptible({ signals }: ReturnType<typeof terminal>): Promise<void> {
  return new Promise((resolve) => signals.on("newListener", (name) => name === "SIGINT" && resolve()));
}

serialTestWithNats("an export that can't be finished leaves no file", async (t) => {
  const { env } = await stored();
  const folder = join(await tempFolder(t), "out");
  await mkdir(folder);
  const line = terminal({ env, tty: true });
  const interruptible = untilInterruptible(line);
  const ended = line.signet("audit", "export", "--out", join(folder, "log.ndjson"));
  await interruptible;
  line.signals.emit("SIGINT", "SIGINT");
  const { code, stderr } = await ended;
  t.is(code, 2);
  t.regex(stderr, /CANCELLED: interrupted: the export is not whole/);
  t.deepEqual(await readdir(folder), []);
});

serialTestWithNats("an export that can't be written says so, and not that somebody interrupted it", async (t) => {
  const { env } = await stored();
  const full = ["sh", "-c", '"$@" > /dev/full', "sh"];
  const { code, stderr } = await signetProcess(["audit", "export"], { data: await tempFolder(t), env, under: full });
  t.is(code, 74);
  t.regex(stderr, /^error: OUTPUT: standard output can't be written: ENOSPC.*\n$/);
});

test("without NATS it ends with 2 and leaves no file", async (t) => {
  const folder = await tempFolder(t);
  const out = join(folder, "log.ndjson");
  const { code, stderr } = await signet(["audit", "export", "--nats", "nats://127.0.0.1:1", "--out", out]);
  t.is(code, 2);
  t.regex(stderr, /UNAVAILABLE: cannot read audit events from NATS/);
  t.deepEqual(await readdir(folder), []);
});

serialTestWithNats("a reader that closes the pipe ends it, and it is told that the export is not whole", async (t) => {
  const { env } = await stored();
  const line = terminal({ env });
  const interruptible = untilInterruptible(line);
  const ended = line.signet("audit", "export");
  await interruptible;
  line.io.stdout.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  const { code, stderr } = await ended;
  t.is(code, 2);
  t.regex(stderr, /CANCELLED/);
});

for (const [what, words, said] of [
  ["a time span that is empty", ["--since", "1h", "--until", "2h"], "--since must be before --until"],
  ["a file without a name", ["--out", ""], "the path of a file"],
] as const)
  test(`${what} is wrong usage`, async (t) => {
    const { code, stdout, stderr } = await signet(["audit", "export", ...words]);
    t.deepEqual([code, stdout], [2, ""]);
    t.true(stderr.includes(said), stderr);
  });
