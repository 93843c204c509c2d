import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { leafHash } from "../../../../src/audit/tree/hash.ts";
import { ensureStream } from "../../../../src/nats/audit/stream.ts";
import { fsck } from "../../../support/audit/fsck.ts";
import { createLogWriter, type LogWriter } from "../../../support/audit/log-writer.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { connect } from "../../../support/nats/connect.ts";
import { startNats, testWithNats } from "../../../support/nats/nats-server.ts";
import { testWithTools } from "../../../support/service/with-tools.ts";
import { signet } from "../../terminal.ts";

/** A stream with what the writers have written, each with these checkpoints at its end. */
async function streamOf(
  t: ExecutionContext<unknown>,
  logs: readonly (readonly [LogWriter, notes: readonly string[]])[],
) {
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  await ensureStream(connection, 1);
  const publish = (subject: string, body: string) => connection.jetstream().publish(`signet.audit.${subject}`, body);
  for (const [{ bodies, key }, notes] of logs) {
    for (const body of bodies) await publish("token.issued.service", body);
    for (const note of notes) await publish(`checkpoint.${key.name.split("/").at(-1)}`, note);
  }
  return { publish, env: { SIGNET_NATS_URL: server.url } };
}

function logOf(events: number, writer = "w"): LogWriter {
  const log = createLogWriter(writer);
  for (let number = 0; number < events; number++) log.append();
  return log;
}

const exportTiles = (env: Record<string, string>, folder: string, writer = "w", ...more: readonly string[]) =>
  signet(["audit", "export", "--writer", writer, "--tiles", folder, ...more], { env });

/** What the folder of a log says: its checkpoint and its entries, without what divides them. */
async function readTiles(folder: string): Promise<{ checkpoint: string; entries: string }> {
  const entries = await readFile(join(folder, "tile/entries/000.p/5"), "latin1");
  return {
    checkpoint: await readFile(join(folder, "checkpoint"), "utf8"),
    entries: entries.replace(/[^{]{2}(?=\{"eventId)/gs, ""),
  };
}

/** An event as who can publish can make it up: at the place of this one. */
const forged = (body: string | undefined) =>
  JSON.stringify({ ...JSON.parse(body ?? ""), time: "2026-11-22T13:00:00Z" });

testWithNats("a writer's log is exported up to its last checkpoint, whatever the order of its events", async (t) => {
  const log = logOf(300);
  const { env, publish } = await streamOf(t, [
    [logOf(3, "v"), []],
    [
      { ...log, bodies: [...log.bodies.slice(2, 5), ...log.bodies.slice(0, 2), ...log.bodies] },
      [log.checkpointAt(10), log.checkpointAt(260)],
    ],
  ]);
  const folder = join(await tempFolder(t), "log");
  const { code, stdout, stderr } = await exportTiles(env, folder);
  t.deepEqual([code, stdout, stderr], [0, "exported a log of 260 entries\n", ""]);
  t.is(await readFile(join(folder, "checkpoint"), "utf8"), log.checkpointAt(260));
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  t.deepEqual(files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted(), [
    "checkpoint",
    "tile/0/000",
    "tile/0/001.p/4",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/4",
  ]);
  const leaves = await readFile(join(folder, "tile/0/000"));
  t.true(leaves.subarray(0, 32).equals(leafHash(Buffer.from(log.bodies[0] ?? ""))));
  t.is((await stat(join(folder, "tile/0/000"))).mode & 0o777, 0o600);
  const again = await exportTiles(env, folder);
  t.is(again.code, 2);
  t.regex(again.stderr, /the folder of --tiles exists; it is never overwritten/);
  await publish("token.issued.service", "{}");
  t.is((await exportTiles(env, `${folder}-2`)).code, 0, "what is no event is in no log");
});

testWithNats("a log that is not whole, or not that of its checkpoint, leaves no folder", async (t) => {
  const [gap, other] = [logOf(5), logOf(5, "v")];
  const { env } = await streamOf(t, [
    [{ ...gap, bodies: gap.bodies.toSpliced(2, 1) }, [gap.checkpointAt(5)]],
    [other, [other.checkpoint([...other.bodies.slice(0, 4), "x"])]],
    [logOf(5, "u"), []],
  ]);
  const parent = await tempFolder(t);
  const folder = join(parent, "log");
  for (const [writer, code, message] of [
    ["w", 1, /INCOMPLETE: the checkpoint covers 5 events, and the one with log index 2 is missing/],
    ["v", 1, /CHECKPOINT_MISMATCH: the checkpoint of 5 events was made of others/],
    ["u", 3, /PENDING: no checkpoint of the writer u covers an event/],
    ["x", 1, /NOT_FOUND: no event of a log of the writer x was read; if the stream was trimmed, name the files/],
  ] as const) {
    const found = await exportTiles(env, folder, writer);
    t.is(found.code, code);
    t.regex(found.stderr, message);
  }
  t.deepEqual(await readdir(parent), []);
});

testWithNats("events and checkpoints that others publish in the writer's name do not hide its log", async (t) => {
  const log = logOf(5);
  const { env, publish } = await streamOf(t, []);
  await publish("token.issued.service", forged(log.bodies[2]));
  for (const body of log.bodies) await publish("token.issued.service", body);
  await publish("token.issued.service", forged(log.bodies[4]));
  await publish("checkpoint.w", log.checkpoint([...log.bodies.slice(0, 4), "x"]));
  await publish("checkpoint.w", log.checkpointAt());
  const parent = await tempFolder(t);
  const expected = { checkpoint: log.checkpointAt(), entries: log.bodies.join("") };
  t.like(await exportTiles(env, join(parent, "one")), { code: 0 });
  t.deepEqual(await readTiles(join(parent, "one")), expected);

  const other = logOf(6);
  await publish("checkpoint.w", other.checkpointAt());
  const hidden = await exportTiles(env, join(parent, "two"));
  t.is(hidden.code, 1, "control: it covers an event that nobody has");
  t.regex(hidden.stderr, /INCOMPLETE: the checkpoint covers 6 events, and the one with log index 5 is missing/);
  const policy = join(parent, "policy");
  await writeFile(policy, `${log.policyLine}quorum none\n`);
  t.like(await exportTiles(env, join(parent, "two"), "w", "--policy", policy), { code: 0 });
  t.deepEqual(await readTiles(join(parent, "two")), expected);
});

test("a log whose first events were archived is exported from files", async (t) => {
  const log = logOf(5);
  const parent = await tempFolder(t);
  const [archive, rest, none] = ["archive.ndjson", "rest.ndjson", "log"].map((name) => join(parent, name));
  const checkpoint = JSON.stringify({ checkpoint: log.checkpointAt() });
  await writeFile(archive ?? "", `${log.bodies.slice(0, 3).join("\n")}\n`);
  await writeFile(rest ?? "", `${[checkpoint, ...log.bodies.slice(2)].join("\n")}\n`);
  const files = [archive ?? "", rest ?? ""];
  const { code, stdout } = await exportTiles({}, join(parent, "one"), "w", ...files);
  t.deepEqual([code, stdout], [0, "exported a log of 5 entries\n"]);
  t.deepEqual(await readTiles(join(parent, "one")), { checkpoint: log.checkpointAt(), entries: log.bodies.join("") });
  const reversed = await exportTiles({}, join(parent, "two"), "w", ...files.toReversed());
  t.is(reversed.code, 0, "whatever the order of the files");
  for (const [words, message] of [
    [[rest ?? ""], /INCOMPLETE: .* log index 0 is missing/],
    [[archive ?? ""], /NO_CHECKPOINT: no checkpoint of the writer w covers an event in these files/],
    [[...files, "-"], /reads its files twice: name files, not standard input/],
    [[...files, "--nats", "nats://127.0.0.1:1"], /with files, NATS is not asked: leave out --nats/],
    [[join(parent, "no-such-file")], /no-such-file can't be used: ENOENT/],
  ] as const)
    t.regex((await exportTiles({}, none ?? "", "w", ...words)).stderr, message);
  const nowhere = await exportTiles({}, join(parent, "no", "log"), "w", ...files);
  t.regex(nowhere.stderr, /no\/log can't be used: ENOENT: no such file or directory$/m, "and no draft");
  const copied = await signet(["audit", "export", ...files]);
  t.regex(copied.stderr, /files and --policy are for --tiles/);
  t.deepEqual((await readdir(parent)).toSorted(), ["archive.ndjson", "one", "rest.ndjson", "two"]);
});

test("tiles are of one writer, and stand alone", async (t) => {
  for (const [words, said] of [
    [[], "--tiles needs one --writer"],
    [["--writer", "a", "b.ndjson"], "--tiles needs one --writer, and was given a, b.ndjson; --writer takes all words"],
    [["--writer", "a", "--tiles", ""], "the path of a folder"],
    [["--writer", "a", "--since", "1h"], "cannot be used with option"],
    [["--writer", "a", "--out", "x"], "cannot be used with option"],
  ] as const) {
    const { code, stderr } = await signet(["audit", "export", "--tiles", "none", ...words]);
    t.is(code, 2);
    t.true(stderr.includes(said), stderr);
  }
});

testWithTools(
  ["tlog-fsck", "nats-server"],
  "the fsck of tessera accepts the folder, and finds an altered tile",
  async (t, program = "") => {
    const log = logOf(600);
    const { env } = await streamOf(t, [[log, [log.checkpointAt(520)]]]);
    const folder = join(await tempFolder(t), "log");
    t.is((await exportTiles(env, folder)).code, 0);
    const key = join(folder, "..", "key");
    await writeFile(key, log.policyLine.trimEnd().split(" ")[1] ?? "");
    t.regex(await fsck(program, folder, key), /Successfully fsck'd log with size 520/);
    const tile = join(folder, "tile/entries/001");
    const bytes = await readFile(tile);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(tile, bytes);
    const found = await fsck(program, folder, key);
    t.regex(found, /fsck failed/);
    t.notRegex(found, /Successfully/);
  },
);
