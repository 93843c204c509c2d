import { cp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import test, { type ExecutionContext } from "ava";
import { headers as newHeaders } from "nats";
import { readHeader, subjectOf } from "../../../../src/audit/event-header.ts";
import { checkpointLine, checkpointSubject, noteOfLine, readCheckpoint } from "../../../../src/audit/stream-message.ts";
import { ensureStream } from "../../../../src/nats/audit/stream.ts";
import { apiCode, STREAM_NOT_FOUND } from "../../../../src/nats/errors.ts";
import { createLogSigner } from "../../../support/audit/log-signer.ts";
import { createLogWriter } from "../../../support/audit/log-writer.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { trailFaults, trailOf } from "../../../support/nats/audit-trail.ts";
import { connect } from "../../../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../../../support/nats/nats-server.ts";
import { boundByRounds } from "../../../support/rounds.ts";
import { startLoad } from "../../../support/service/load.ts";
import { allForwarded, startRemote } from "../../../support/service/remote-service.ts";
import { issue } from "../../../support/service/service.ts";
import { type Ending, shared } from "../../../support/service/shared.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { signet } from "../../terminal.ts";

const IN_FLIGHT = 16;

/**
 * A service that was killed under load, backed up with its NATS as they were then ("yesterday"), and that issued some
 * more and stopped.
 */
const world = shared(test, async (t: Ending) => {
  const store = await tempFolder(t);
  const data = await tempFolder(t);
  const nats = await startNats(t, { store });
  const env = { SIGNET_NATS_URL: nats.url };
  const killed = await startRemote(t, { data, env });
  const load = startLoad(IN_FLIGHT, () => issue(killed));
  await load.more(60);
  await killed.process.kill9();
  await load.ended;
  await nats.kill9();
  const yesterday = { store: await nats.copyStore(), data: await tempFolder(t) };
  await cp(data, yesterday.data, { recursive: true });
  await nats.restart();
  await run(t, { data, env, tokens: 10 });
  const folder = await tempFolder(t);
  const state = join(folder, "state.json");
  const file = join(folder, "log.ndjson");
  await signet(["audit", "export", "--out", file], { env });
  return { nats, env, store, yesterday, folder, state, file };
});

/** A service issues at least so many tokens, until NATS has the event of each, and stops. */
async function run(t: Ending, { data, env, tokens }: { data: string; env: Record<string, string>; tokens: number }) {
  const service = await startRemote(t, { data, env });
  const load = startLoad(IN_FLIGHT, () => issue(service));
  await load.more(tokens);
  await load.stop();
  await allForwarded(service);
  await service.process.stop();
}

interface Found {
  readonly proven: boolean;
  readonly writers: readonly { readonly events: number; readonly provenTo?: Place & { readonly hash: string } }[];
  readonly faults: readonly {
    readonly code: string;
    readonly place?: Place;
    readonly line?: number;
    readonly streamSeq?: number;
  }[];
}

interface Place {
  readonly epoch: number;
  readonly seq: number;
}

/** Runs `audit verify --json`. Each fault is "CODE epoch/seq position". */
async function verify(words: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await signet(["audit", "verify", "--json", ...words], { env });
  if (stderr !== "") throw new Error(stderr);
  const { proven, writers, faults } = JSON.parse(stdout) as Found;
  const texts = faults.map(({ code: fault, place, line, streamSeq }) =>
    [fault, place && `${place.epoch}/${place.seq}`, line ?? streamSeq].filter((part) => part !== undefined).join(" "),
  );
  return { code, proven, writers, faults: texts };
}

/** The events of a file in the order of the chain. */
async function linesOf(file: string): Promise<string[]> {
  const all = (await readFile(file, "utf8")).trimEnd().split("\n");
  const lines = all.filter((line) => !line.startsWith('{"checkpoint":'));
  return lines.toSorted((left, right) => {
    const [a, b] = [left, right].map((line) => JSON.parse(line));
    return a.epoch - b.epoch || a.seq - b.seq;
  });
}

serialTestWithNats("the log of a service that was killed is proven, in the stream and exported", async (t) => {
  boundByRounds(t);
  const { nats, env, file, state } = await world();
  const trail = await trailOf(nats);
  t.deepEqual(trailFaults(trail, []), {}, "control: the tests' own check");
  const stream = await verify(["--state", state], env);
  t.is(stream.code, 0);
  t.deepEqual(stream.faults, []);
  t.is(stream.writers[0]?.events, trail.length);
  t.deepEqual(await verify([file]), stream);
  const last = JSON.parse((await linesOf(file)).at(-1) ?? "");
  t.like(stream.writers[0]?.provenTo, { epoch: Number(last.epoch), seq: Number(last.seq) });
});

serialTestWithNats("for people, it prints what each writer's chain proves, and the answer last", async (t) => {
  const { file } = await world();
  const { code, stdout } = await signet(["audit", "verify", file]);
  t.is(code, 0);
  t.regex(
    stdout,
    /^writer \S+: \d+ events\n {2}from {3}epoch 1 seq 1, the writer's first event\n {2}to {5}epoch 2 seq \d+\n {2}proven to epoch 2 seq \d+, SHA-256 \S{44}\n {2}signed [^\n]+\nproven: \d+ events of 1 writer\n$/,
  );
});

const altered = (line: string | undefined, members: object) =>
  JSON.stringify({ ...JSON.parse(line ?? ""), ...members });

/** What is done to the lines of epoch 1, each at the line of its seq, and the faults that show it. */
const TAMPERED: Readonly<Record<string, readonly [(lines: string[]) => string[], readonly string[]]>> = {
  "an event removed": [(lines) => lines.toSpliced(9, 1), ["GAP 1/11 10"]],
  "one byte altered": [
    (lines) => lines.with(9, (lines[9] ?? "").replace('"time":"2', '"time":"3')),
    ["BROKEN_LINK 1/11 11"],
  ],
  "an event inserted": [
    (lines) => lines.toSpliced(10, 0, altered(lines[9], { eventId: "inserted" })),
    ["FORK 1/10 11"],
  ],
  "two events exchanged": [
    (lines) => lines.with(9, altered(lines[10], { seq: "10" })).with(10, altered(lines[9], { seq: "11" })),
    ["BROKEN_LINK 1/10 10", "BROKEN_LINK 1/11 11", "BROKEN_LINK 1/12 12"],
  ],
  "the beginning cut off": [(lines) => lines.slice(9), ["NO_BEGINNING 1/10 1"]],
};

/** The events, a checkpoint of the first 20 at its place, and one of all at the end. */
function withCheckpoints(lines: readonly string[]): string[] {
  const signer = createLogSigner(JSON.parse(lines[0] ?? "").writer);
  const checkpoint = (size: number) => checkpointLine(signer.checkpoint(lines.slice(0, size)));
  return [...lines.slice(0, 25), checkpoint(20), ...lines.slice(25), checkpoint(lines.length)];
}

const placeOf = (line = "") => `${JSON.parse(line).epoch}/${JSON.parse(line).seq}`;

/** What the chain alone does not show: what is done to the lines with checkpoints, and the faults, by the events. */
const TAMPERED_BEHIND_CHECKPOINTS: Readonly<
  Record<string, readonly [(lines: readonly string[]) => readonly string[], (events: readonly string[]) => string[]]>
> = {
  "the last event altered": [
    (lines) => lines.with(-2, altered(lines.at(-2), { eventId: "other" })),
    (events) => [`CHECKPOINT_MISMATCH ${placeOf(events[20])} ${events.length + 2}`],
  ],
  "the end of the log cut off": [
    (lines) => lines.toSpliced(-3, 2),
    (events) => [`CHECKPOINT_AHEAD ${placeOf(events.at(-3))} ${events.length}`],
  ],
  "a checkpoint of another history": [
    (lines) => [
      ...lines,
      withCheckpoints(lines.slice(0, 20).map((line) => altered(line, { time: "2026" }))).at(-1) ?? "",
    ],
    (events) => [`CHECKPOINT_MISMATCH ${placeOf(events[0])} ${events.length + 3}`],
  ],
};

serialTestWithNats("what a chain does not show is found by the checkpoints of an exported file", async (t) => {
  const { file, folder } = await world();
  const events = await linesOf(file);
  const lines = withCheckpoints(events);
  const tampered = join(folder, "checkpoints.ndjson");
  const write = (changed: readonly string[]) => writeFile(tampered, changed.map((line) => `${line}\n`).join(""));
  await write(lines);
  t.deepEqual((await verify([tampered])).faults, [], "control");
  for (const [what, [tamper, found]] of Object.entries(TAMPERED_BEHIND_CHECKPOINTS)) {
    await write(tamper(lines));
    const { code, faults } = await verify([tampered]);
    t.is(code, 1, what);
    t.deepEqual(faults, found(events), what);
    await write(tamper(lines).filter((line) => !line.startsWith('{"checkpoint":')));
    t.is((await verify([tampered])).code, 0, `control: without checkpoints nothing shows it: ${what}`);
  }
});

serialTestWithNats("what is done to an exported file is found at its place", async (t) => {
  const { file, folder } = await world();
  const lines = await linesOf(file);
  const tampered = join(folder, "tampered.ndjson");
  const write = (changed: readonly string[]) => writeFile(tampered, changed.map((line) => `${line}\n`).join(""));
  await write(lines);
  t.deepEqual((await verify([tampered])).faults, [], "control");
  for (const [what, [tamper, found]] of Object.entries(TAMPERED)) {
    await write(tamper(lines));
    const { code, faults } = await verify([tampered]);
    t.is(code, 1, what);
    t.deepEqual(faults, [...found], what);
  }
});

serialTestWithNats(
  "what is done to the stream is found at its place, and headers that say something else",
  async (t) => {
    const { file } = await world();
    const lines = await linesOf(file);
    const server = await startNats(t);
    const env = { SIGNET_NATS_URL: server.url };
    const connection = await connect({ servers: server.url });
    t.teardown(() => connection.close());
    const manager = await connection.jetstreamManager();
    const publish = async (lines: readonly string[], renamed?: number) => {
      // The lines of before must be gone. A server that still removes their files may find them in the new stream.
      await waitUntil("the stream is empty", async () => {
        await manager.streams.delete("SIGNET_AUDIT").catch((error: unknown) => {
          if (apiCode(error) !== STREAM_NOT_FOUND) throw error;
        });
        await ensureStream(connection, 1);
        return (await manager.streams.info("SIGNET_AUDIT")).state.messages === 0;
      });
      for (const [at, body] of lines.entries()) {
        const note = noteOfLine(JSON.parse(body));
        if (note !== undefined) {
          await connection.jetstream().publish(checkpointSubject(readCheckpoint(note)?.writer ?? ""), note);
          continue;
        }
        const header = readHeader(Buffer.from(body));
        const headers = newHeaders();
        // Without a duplicate window, as in a stream that somebody else wrote.
        const labels = { "ce-id": header.id, "ce-source": `signet/${header.writer}`, "ce-time": header.time };
        for (const [name, value] of Object.entries(labels)) headers.set(name, at === renamed ? "other" : value);
        headers.set("Nats-Msg-Id", header.id);
        headers.set("ce-type", header.type);
        await connection.jetstream().publish(subjectOf(header), body, { headers });
      }
    };
    await publish(lines);
    t.deepEqual((await verify([], env)).faults, [], "control");
    for (const [what, [tamper, found]] of Object.entries(TAMPERED)) {
      await publish(tamper(lines));
      const { code, faults } = await verify([], env);
      t.is(code, 1, what);
      t.deepEqual(faults, [...found], what);
    }
    await publish(lines, 9);
    t.deepEqual((await verify([], env)).faults, ["HEADER_MISMATCH 1/10 10"]);

    const proven = withCheckpoints(lines);
    await publish(proven);
    t.deepEqual((await verify([], env)).faults, [], "control: with checkpoints");
    for (const [what, [tamper, found]] of Object.entries(TAMPERED_BEHIND_CHECKPOINTS)) {
      await publish(tamper(proven));
      const { code, faults } = await verify([], env);
      t.is(code, 1, what);
      t.deepEqual(faults, found(lines), what);
    }
  },
);

serialTestWithNats("with the state of an earlier run, a log whose end was cut off is older", async (t) => {
  const { env, file, folder, state } = await world();
  await verify(["--state", state], env);
  const lines = await linesOf(file);
  const cut = join(folder, "cut.ndjson");
  await writeFile(
    cut,
    lines
      .slice(0, -1)
      .map((line) => `${line}\n`)
      .join(""),
  );
  const { code, faults } = await verify(["--expect", state, cut]);
  t.is(code, 1);
  t.regex(faults.join(), /^OLDER 2\/\d+$/);
  t.is((await verify([cut])).code, 0, "control: by itself it is a whole log");
  t.is((await verify(["--expect", state, file])).code, 0, "control: nothing was cut off");
});

serialTestWithNats(
  "with the state of an earlier run, yesterday's backup is older, and what follows it is another history",
  async (t) => {
    boundByRounds(t);
    const { nats, env, store, yesterday, state } = await world();
    await verify(["--state", state], env);
    const before = await readFile(state, "utf8");
    await nats.restart({ from: yesterday.store });
    const restored = await verify(["--state", state], env);
    t.is(restored.code, 1);
    t.regex(restored.faults.join(), /^OLDER 2\/\d+$/);
    t.is((await verify([], env)).code, 0, "control: by itself it is a whole log");

    await run(t, { data: yesterday.data, env, tokens: 50 });
    const other = await verify(["--state", state], env);
    t.is(other.code, 1);
    t.regex(other.faults.join(), /^OTHER_HISTORY 2\/\d+ \d+$/);
    t.is((await verify([], env)).code, 0, "control: by itself it is a whole log");
    t.is(await readFile(state, "utf8"), before, "what the earlier run saw is kept");

    await nats.restart({ from: store });
    t.is((await verify(["--state", state], env)).code, 0, "control: the log that the earlier run saw");
  },
);

serialTestWithNats("a log that was exported in parts is verified as one, in any order", async (t) => {
  const { file, folder } = await world();
  const lines = await linesOf(file);
  const parts = [lines.slice(30), lines.slice(0, 40)];
  const files = parts.map((_, at) => join(folder, `part-${at}.ndjson`));
  for (const [at, part] of parts.entries()) await writeFile(files[at] ?? "", part.join("\n"));
  t.is((await verify(files)).code, 0);
  const { faults } = await verify([files[0] ?? ""]);
  t.deepEqual(faults, ["NO_BEGINNING 1/31 1"]);
  t.is((await verify(["--partial", files[0] ?? ""])).code, 0);
  await writeFile(files[0] ?? "", lines.slice(50).join("\n"));
  t.deepEqual((await verify(files.toReversed())).faults, ["GAP 1/51 1"], "the line is counted in its file");
});

serialTestWithNats("standard input is a log as well", async (t) => {
  const { file } = await world();
  const stdin = await readFile(file);
  t.is((await signet(["audit", "verify", "-"], { stdin })).code, 0);
  const { code, stdout } = await signet(["audit", "verify", "-"], {
    stdin: Buffer.concat([stdin, Buffer.from("{}\n")]),
  });
  t.is(code, 1);
  t.regex(stdout, /\nUNREADABLE standard input line \d+: this is not an audit event\nnot proven: 1 UNREADABLE\n$/);
  const empty = await signet(["audit", "verify", "-"], { stdin: "\n" });
  t.regex(empty.stdout, /^UNREADABLE standard input line 1: it is empty$/m);
});

test("an empty log proves nothing", async (t) => {
  const empty = await signet(["audit", "verify", "-"]);
  t.like(empty, { code: 1, stdout: "EMPTY the log has no event\nnot proven: 1 EMPTY\n" });
});

test("files that can't be read are refused by their names", async (t) => {
  const folder = await tempFolder(t);
  const state = join(folder, "state.json");
  await writeFile(state, '{"format":1}');
  const long = join(folder, "long.ndjson");
  await writeFile(long, `{}\n{}\n${"x".repeat(4 * 1024 ** 2)}`);
  const [zipped, marked] = [join(folder, "log.ndjson.gz"), join(folder, "marked.ndjson")];
  await writeFile(zipped, gzipSync("{}\n"));
  await writeFile(marked, "\ufeff{}\n");
  for (const [words, message] of [
    [[join(folder, "none.ndjson")], /none\.ndjson can't be used: ENOENT/],
    [[long], /UNREADABLE: .*long\.ndjson: line 3 is longer than 2097152 bytes/],
    [[zipped], /UNREADABLE: .*log\.ndjson\.gz is compressed with gzip: unpack it first/],
    [[marked], /UNREADABLE: .*marked\.ndjson begins with a byte order mark/],
    [["--expect", join(folder, "none.json"), "-"], /cannot read .*none\.json: ENOENT/],
    [["--state", state, "-"], /state\.json is not a file that signet audit verify --state wrote/],
    [["--state", state, "--expect", state, "-"], /cannot be used with option/],
  ] as const) {
    const { code, stderr } = await signet(["audit", "verify", ...words]);
    t.is(code, 2);
    t.regex(stderr, message);
  }
  await rm(state);
  t.is((await signet(["audit", "verify", "--state", state, "-"])).code, 1);
  await t.throwsAsync(readFile(state), { code: "ENOENT" }, "what is not proven is not kept");
});

test("without NATS it ends with 2, and the password of the URL is not shown", async (t) => {
  const { code, stderr } = await signet(["audit", "verify", "--nats", "nats://user:secret@127.0.0.1:1"]);
  t.is(code, 2);
  t.regex(stderr, /UNAVAILABLE: cannot read audit events from NATS at nats:\/\/\*\*\*@127\.0\.0\.1:1/);
});

for (const [what, words, said] of [
  [
    "an option for NATS beside a file",
    ["/dev/null", "--nats", "nats://127.0.0.1:1", "--creds", "x"],
    "--nats, --creds",
  ],
  ["a state without a name", ["/dev/null", "--state", ""], "the path of a file"],
  [
    "a second policy",
    ["/dev/null", "--policy", "a", "--policy", "b"],
    "option '--policy <file>' is given more than once",
  ],
  ["a folder for the state that is not there", ["/dev/null", "--state", "/dev/null/state"], "ENOTDIR"],
] as const)
  test(`${what} is wrong usage, before anything is read`, async (t) => {
    const { code, stdout, stderr } = await signet(["audit", "verify", ...words]);
    t.deepEqual([code, stdout], [2, ""]);
    t.true(stderr.includes(said), stderr);
  });

/** A file with the lines of a log, and one with the policy that trusts it. */
async function logFiles(t: ExecutionContext<unknown>) {
  const log = createLogWriter("w");
  for (const _ of [1, 2, 3]) log.append();
  const folder = await tempFolder(t);
  const [file, policy] = [join(folder, "log.ndjson"), join(folder, "audit.policy")];
  const lines = [...log.bodies, checkpointLine(log.checkpointAt(2))];
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
  await writeFile(policy, `${log.policyLine}quorum none\n`);
  return { log, folder, file, policy };
}

test("with a policy it says which checkpoint is signed, and without one that signatures were not checked", async (t) => {
  const { file, policy } = await logFiles(t);
  const signed = await signet(["audit", "verify", "--policy", policy, file]);
  t.is(signed.code, 0);
  t.regex(
    signed.stdout,
    /\n {2}signed to epoch 1 seq 2, checkpoint of 2 events\nproven: 3 events of 1 writer; no checkpoint covers 1 of them\n$/,
  );
  const unchecked = await signet(["audit", "verify", file]);
  t.regex(unchecked.stdout, /checkpoint of 2 events; its signature was not checked: no --policy\n/);
  const { stdout } = await signet(["audit", "verify", "--json", "--policy", policy, file]);
  t.like(JSON.parse(stdout), { proven: true, signaturesChecked: true, uncovered: 1 });
  t.deepEqual(JSON.parse(stdout).writers[0].log, {
    checkpoint: { origin: "signet.example/audit/w", size: 2, place: { epoch: 1, seq: 2 } },
    compared: true,
  });
});

test("a checkpoint that the key of the policy did not sign is named with its line", async (t) => {
  const { folder, file } = await logFiles(t);
  const policy = join(folder, "other.policy");
  await writeFile(policy, `${createLogWriter("w").policyLine}quorum none\n`);
  const { code, stdout } = await signet(["audit", "verify", "--policy", policy, file]);
  t.is(code, 1);
  t.regex(stdout, /\nBAD_SIGNATURE writer w, .*log\.ndjson line 4: .*\nnot proven: 1 BAD_SIGNATURE\n$/);
});

test("a file without an end is refused before it fills the memory", async (t) => {
  // Beside it a state could be kept.
  const endless = join(await tempFolder(t), "endless");
  await symlink("/dev/zero", endless);
  for (const words of [
    ["verify", "--policy", endless, "-"],
    ["verify", "--state", endless, "-"],
    ["verify", "--expect", endless, "-"],
    ["receipt", "t-1", "--policy", endless, "/dev/null"],
    ["check-receipt", "-", "--policy", endless],
    ["archive", "--dir", "/", "--policy", endless],
    ["archive", "--dir", "/", "--expect", endless],
    ["export", "--writer", "w", "--tiles", "none", "--policy", endless],
  ]) {
    const { code, stdout, stderr } = await signet(["audit", ...words]);
    t.deepEqual([code, stdout], [2, ""], words.join(" "));
    t.regex(stderr, /endless is larger than 16 MiB/, words.join(" "));
  }
});

test("the export of one writer of two is proven with --partial, and that of both without", async (t) => {
  const [old, next] = [createLogWriter("old"), createLogWriter("new")];
  old.append({ writerOpened: { origin: old.key.name } });
  old.append({ writerClosed: { reason: "KEY_ROTATED", successor: "new" } });
  next.append({ writerOpened: { origin: next.key.name, predecessor: "old" } });
  const folder = await tempFolder(t);
  const [first, second] = [join(folder, "old.ndjson"), join(folder, "new.ndjson")];
  await writeFile(first, `${old.bodies.join("\n")}\n`);
  await writeFile(second, `${next.bodies.join("\n")}\n`);
  for (const [file, missing] of [
    [first, /WRITER_LINK writer old, .*: the log has no event of the writer that follows, new\n/],
    [second, /WRITER_LINK writer new, .*: the log has no event of the writer before, old\n/],
  ] as const) {
    const alone = await signet(["audit", "verify", file]);
    t.is(alone.code, 1);
    t.regex(alone.stdout, missing);
    t.is((await signet(["audit", "verify", "--partial", file])).code, 0);
  }
  t.is((await signet(["audit", "verify", first, second])).code, 0);
});

test("a policy that can't be used is refused by its name, before anything is read", async (t) => {
  const { folder } = await logFiles(t);
  const policy = join(folder, "bad.policy");
  await writeFile(policy, "log x\n");
  for (const [path, message] of [
    [policy, /bad\.policy is no tlog-policy that can be used: line 1: a verifier key must be/],
    [join(folder, "none"), /cannot read .*none: ENOENT/],
    [folder, /^error: \S+ is a folder, and must be a file$/m],
  ] as const) {
    const { code, stdout, stderr } = await signet(["audit", "verify", "--policy", path, "/dev/null"]);
    t.deepEqual([code, stdout], [2, ""]);
    t.regex(stderr, message);
  }
});
