import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection, StoredMsg } from "nats";
import { checkpointLine, checkpointSubject } from "../../../../src/audit/stream-message.ts";
import { ensureStream, wantedStream } from "../../../../src/nats/audit/stream.ts";
import { archiveWorld, startWriter } from "../../../support/audit/archive-world.ts";
import { createLogSigner } from "../../../support/audit/log-signer.ts";
import { createLogWriter } from "../../../support/audit/log-writer.ts";
import { bodiesBy, publishBodies, withoutLog } from "../../../support/audit/raw-log.ts";
import { tempFolder } from "../../../support/files/temp.ts";
import { startNats, testWithNats } from "../../../support/nats/nats-server.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { signet } from "../../terminal.ts";

testWithNats(
  "what checkpoints cover is moved to files that verify with the rest of the stream as one log",
  async (t) => {
    const world = await archiveWorld(t);
    const [one, two] = [await startWriter(t, world.nats, "one"), await startWriter(t, world.nats, "two")];
    const policy = await world.policyOf(one.policyLine, two.policyLine);
    await one.write(5);
    await two.write(3);
    await one.checkpoint();
    await two.checkpoint();
    await one.write(2);
    const whole = await readFile(await world.exported(), "utf8");
    const first = await world.archive("--policy", policy);
    t.is(first.code, 0, first.stderr);
    t.like(first.done, { 0: { type: "archived", from: 1, to: 10, lines: 10, trimmed: true }, length: 1 });
    t.like(await world.state(), { first_seq: 11, messages: 2 });
    t.deepEqual(await world.names(), ["audit-000001.json", "audit-000001.ndjson"]);
    t.like(await world.verify(policy), { code: 0, proven: true });
    t.like(await world.verify(policy, await world.exported()), { code: 0, proven: true });
    await one.checkpoint();
    const second = await world.archive("--policy", policy);
    t.like(second.done, { 0: { type: "archived", from: 11, to: 13, file: "audit-000002.ndjson" } });
    t.like(await world.state(), { first_seq: 14, messages: 0 });
    const { proven, writers } = await world.verify(policy);
    t.true(proven);
    t.deepEqual(
      writers.map(
        ({ writer, events, log }: { writer: string; events: number; log: { checkpoint: { size: number } } }) => [
          ...[writer, events, log.checkpoint.size],
        ],
      ),
      [
        ["one", 7, 7],
        ["two", 3, 3],
      ],
    );
    t.is(`${(await world.lines()).slice(0, 12).join("\n")}\n`, whole, "byte for byte, in the order of the stream");
    t.like((await world.archive("--policy", policy)).done, { 0: { type: "nothing" }, length: 1 });
    const asked = (...words: string[]) => signet(words, { env: world.env });
    const history = await asked("keys", "history");
    t.deepEqual([history.code, history.stdout.split("\n").length], [0, 2], "the header alone");
    t.is(history.stderr, "trimmed: the files of the archive may have more keys than the stream: name them\n");
    t.regex((await asked("audit", "receipt", "t-1")).stderr, /NOT_FOUND: .* if the stream was trimmed, name the files/);
    t.regex((await asked("audit", "verify")).stdout, /^trimmed: what came before/m);
  },
);

testWithNats("no event leaves the stream before a checkpoint of the policy covers it", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const stranger = await startWriter(t, await startNats(t), "one");
  const policy = await world.policyOf(writer.policyLine);
  await writer.write(4);
  const uncovered = await world.archive("--policy", policy);
  t.deepEqual([uncovered.code, uncovered.done], [1, [{ type: "uncovered", stream: "SIGNET_AUDIT", seq: 1 }]]);
  await writer.checkpoint();
  const foreign = await world.archive("--policy", await world.policyOf(stranger.policyLine));
  t.is(foreign.code, 1);
  t.like(foreign.done, { 0: { type: "faults", counts: { BAD_SIGNATURE: 1 } } });
  t.is((await world.archive()).code, 2, "without a key nothing is proven");
  t.like(await world.state(), { first_seq: 1, messages: 5 });
  t.deepEqual(await world.names(), []);
  t.is((await world.archive("--policy", policy)).code, 0, "control");
  t.like(await world.state(), { messages: 0 });
});

testWithNats("age and size say how much is moved, and what is younger than five minutes stays", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  // Nothing is older, however long it takes to be stored.
  const began = Date.now();
  await writer.write(10);
  await writer.checkpoint();
  const at = (now: number, ...words: string[]) =>
    signet(["audit", "archive", "--json", "--dir", world.dir, "--policy", policy, ...words], {
      env: world.env,
      now: () => now,
    });
  t.regex((await at(began)).stdout, /"nothing"/);
  t.regex((await at(began + 290_000)).stdout, /"nothing"/);
  t.regex((await at(Date.now() + 3_600_000, "--older-than", "2h")).stdout, /"nothing"/);
  const { bytes } = await world.state();
  t.regex((await at(Date.now() + 3_600_000, "--keep-bytes", String(bytes))).stdout, /"nothing"/);
  t.regex((await at(Date.now() + 3_600_000, "--older-than", "30m", "--dry-run")).stdout, /"to":11.*"trimmed":false/);
  t.like(await world.state(), { messages: 11 });
  t.deepEqual(await world.names(), []);
  await at(Date.now() + 3_600_000, "--keep-bytes", String(Math.floor(bytes / 2)));
  const state = await world.state();
  t.true(state.bytes <= bytes / 2 && state.bytes > bytes / 2 - bytes / 5, `${state.bytes} of ${bytes} bytes`);
  await at(Date.now() + 3_600_000, "--older-than", "30m");
  t.like(await world.state(), { messages: 0 });
  t.like(await world.verify(policy), { proven: true });
});

testWithNats("an altered message is neither archived nor purged, and the report names its place", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  await writer.write(6);
  await writer.checkpoint();
  // The same messages, but one whose body was altered with its headers left as they were.
  const messages: StoredMsg[] = [];
  for (let seq = 1; seq <= 7; seq++) messages.push(await world.manager.streams.getMessage("SIGNET_AUDIT", { seq }));
  const store = async (alter: (body: string, at: number) => string) => {
    await world.manager.streams.delete("SIGNET_AUDIT");
    await world.manager.streams.add({ ...wantedStream(1) });
    for (const [at, { subject, header, data }] of messages.entries())
      await world.connection.jetstream().publish(subject, alter(Buffer.from(data).toString(), at), { headers: header });
  };
  for (const at of [0, 3, 5]) {
    await store((body, index) => (index === at ? body.replace('"ttlSeconds":"300"', '"ttlSeconds":"301"') : body));
    const { code, done } = await world.archive("--policy", policy);
    t.is(code, 1);
    t.is(done[0].type, "faults");
    t.true(
      done[0].faults.some(({ streamSeq }: { streamSeq?: number }) => streamSeq !== undefined),
      "it has a place",
    );
    t.like(await world.state(), { messages: 7 });
    t.deepEqual(await world.names(), []);
  }
  await store((body) => body);
  t.is((await world.archive("--policy", policy)).code, 0, "control: unaltered, it is moved");
});

testWithNats(
  "with --accept the events of one writer are moved with their faults, and those of others are judged",
  async (t) => {
    const world = await archiveWorld(t);
    const [broken, whole] = [createLogSigner("broken"), createLogSigner("whole")];
    const policy = await world.policyOf(broken.policyLine, whole.policyLine);
    const [lossy, sound] = [await bodiesBy(t, "broken", 6), await bodiesBy(t, "whole", 4)];
    const note = (writer: string, text: string) =>
      world.connection.jetstream().publish(checkpointSubject(writer), text);
    await ensureStream(world.connection, 1);
    await publishBodies(world.connection, [...lossy.slice(0, 2), ...lossy.slice(3)]);
    await note("broken", broken.checkpoint(lossy));
    await publishBodies(world.connection, sound.slice(0, 2));
    await note("whole", whole.checkpoint(sound.slice(0, 2)));
    await publishBodies(world.connection, sound.slice(2));
    t.like(await world.archive("--policy", policy), { code: 1, done: [{ type: "faults" }] });
    t.like(await world.archive("--policy", policy, "--accept", "whole"), { code: 1, done: [{ type: "faults" }] });
    t.like(await world.state(), { first_seq: 1 });
    const { code, done, stderr } = await world.archive("--policy", policy, "--accept", "broken", "nosuch");
    t.deepEqual([code, done[0].to], [0, 9], "no checkpoint covers the last two of the other writer");
    t.is(stderr, "--accept nosuch: no event of this writer was read\n");
    t.deepEqual(JSON.parse(await readFile(join(world.dir, "audit-000001.json"), "utf8")).accepted, [
      "broken",
      "nosuch",
    ]);
    const verdict = await world.verify(policy);
    t.false(verdict.proven, "the archive still shows the fault");
    await note("whole", whole.checkpoint(sound));
    t.like(await world.archive("--policy", policy), { code: 0, done: [{ to: 12 }] });
  },
);

testWithNats(
  "with --accept-foreign what is no event is moved, and what only a foreign checkpoint covers stays",
  async (t) => {
    const world = await archiveWorld(t);
    const [own, stranger] = [createLogSigner("one"), createLogSigner("one")];
    const policy = await world.policyOf(own.policyLine);
    const bodies = await bodiesBy(t, "one", 4);
    const put = (subject: string, text: string) => world.connection.jetstream().publish(subject, text);
    await ensureStream(world.connection, 1);
    await put("signet.audit.test._", "hello");
    await publishBodies(world.connection, bodies.slice(0, 2));
    await put(checkpointSubject("one"), stranger.checkpoint(bodies));
    await put("signet.audit.test._", checkpointLine(stranger.checkpoint(bodies)));
    await put(checkpointSubject("one"), own.checkpoint(bodies.slice(0, 2)));
    await publishBodies(world.connection, bodies.slice(2));
    const refused = await world.archive("--policy", policy);
    t.like(refused, { code: 1, done: [{ type: "faults", counts: { UNREADABLE: 2, BAD_SIGNATURE: 1 } }] });
    t.like(await world.state(), { first_seq: 1 });
    t.like(await world.archive("--policy", policy, "--accept-foreign"), {
      code: 0,
      done: [{ from: 1, to: 6, lines: 6 }],
    });
    t.like(await world.state(), { first_seq: 7, messages: 2 });
    const { foreign, checkpoints } = JSON.parse(await readFile(join(world.dir, "audit-000001.json"), "utf8"));
    t.deepEqual([foreign, checkpoints], [true, [own.checkpoint(bodies.slice(0, 2))]]);
    t.like(await world.verify(policy), { proven: false, counts: { UNREADABLE: 2, BAD_SIGNATURE: 1 } });
    await put(checkpointSubject("one"), own.checkpoint(bodies));
    t.like(await world.archive("--policy", policy), { code: 0, done: [{ to: 9 }] }, "and it goes on without");
  },
);

testWithNats(
  "a stream that was trimmed between two logs is proven, since the writer before is in the archive",
  async (t) => {
    const world = await archiveWorld(t);
    const [a, b] = [createLogWriter("a"), createLogWriter("b")];
    a.append({ writerOpened: { origin: a.key.name } });
    a.append({ writerClosed: { reason: "KEY_ROTATED", successor: "b" } });
    b.append({ writerOpened: { origin: b.key.name, predecessor: "a" } });
    b.append();
    await ensureStream(world.connection, 1);
    await publishBodies(world.connection, [...a.bodies, ...b.bodies]);
    const verified = async () => JSON.parse((await signet(["audit", "verify", "--json"], { env: world.env })).stdout);
    t.like(await verified(), { proven: true, trimmed: false });
    await world.manager.streams.purge("SIGNET_AUDIT", { seq: 3 });
    t.like(await verified(), { proven: true, trimmed: true, counts: {} });
    // Negative control: the stream begins with the second log, so that the first one was never there.
    await world.manager.streams.delete("SIGNET_AUDIT");
    await ensureStream(world.connection, 1);
    await publishBodies(world.connection, b.bodies);
    t.like(await verified(), { proven: false, trimmed: false, counts: { WRITER_LINK: 1 } });
  },
);

testWithNats("an archive that was damaged is not gone on with", async (t) => {
  const world = await archiveWorld(t);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  await writer.write(3);
  await writer.checkpoint();
  await world.archive("--policy", policy);
  await writer.write(1);
  await writer.checkpoint();
  const file = join(world.dir, "audit-000001.ndjson");
  const content = await readFile(file, "utf8");
  await writeFile(file, content.replace("300", "301"));
  const damaged = await world.archive("--policy", policy);
  t.is(damaged.code, 2);
  t.regex(damaged.stderr, /DAMAGED.*audit-000001\.ndjson is not the file that was written/);
  await rm(file);
  const missing = await world.archive("--policy", policy);
  t.is(missing.code, 2);
  t.regex(missing.stderr, /DAMAGED.*audit-000001\.ndjson is missing, and must stay beside its record/);
  t.like(await world.state(), { messages: 2 });
  await writeFile(file, content);
  t.is((await world.archive("--policy", policy)).code, 0, "control");
});

testWithNats(
  "events of versions without checkpoints are moved up to the ends that the operator has verified",
  async (t) => {
    const world = await archiveWorld(t);
    const bodies = withoutLog(await bodiesBy(t, "earlier", 7));
    const publish = (some: readonly string[]) => publishBodies(world.connection, some);
    await ensureStream(world.connection, 1);
    const policy = await world.policyOf(createLogSigner("other").policyLine);
    const state = join(await tempFolder(t), "state.json");
    await publish(bodies.slice(0, 4));
    t.like(await world.archive("--policy", policy), { code: 1, done: [{ type: "uncovered" }] });
    t.is((await signet(["audit", "verify", "--state", state], { env: world.env })).code, 0);
    await publish(bodies.slice(4));
    const { code, done } = await world.archive("--expect", state);
    t.deepEqual([code, done[0].to], [0, 4], "and not what came after");
    t.like(await world.archive("--expect", state), { code: 1, done: [{ type: "uncovered", seq: 5 }] });
    t.deepEqual(await world.lines(), bodies.slice(0, 4));
  },
);

testWithNats(
  "a stream with deny_purge is named, and once its subjects were moved it is copied and stays",
  async (t) => {
    const world = await archiveWorld(t);
    const earlier = { ...wantedStream(1), deny_purge: true };
    await world.manager.streams.add(earlier);
    const writer = await startWriter(t, world.nats, "one");
    const policy = await world.policyOf(writer.policyLine);
    await writer.write(4);
    await writer.checkpoint();
    t.deepEqual((await world.archive("--policy", policy)).done, [{ type: "untrimmable", stream: "SIGNET_AUDIT" }]);
    await world.manager.streams.update("SIGNET_AUDIT", { ...earlier, subjects: ["signet.closed.audit"] });
    await writer.write(3);
    await writer.checkpoint();
    const { code, done } = await world.archive("--policy", policy);
    t.is(code, 0);
    t.like(done[0], { stream: "SIGNET_AUDIT", from: 1, to: 5, trimmed: false });
    t.like(done[1], { stream: "SIGNET_AUDIT_2", from: 1, to: 4, trimmed: true });
    t.is((await world.state()).messages, 5);
    t.is((await world.state("SIGNET_AUDIT_2")).messages, 0);
    t.like(await world.verify(policy), { proven: true });
    await writer.write(1);
    await writer.checkpoint();
    t.like((await world.archive("--policy", policy)).done, {
      0: { stream: "SIGNET_AUDIT_2", from: 5, to: 6 },
      length: 1,
    });
  },
);

testWithNats("two archivers at once lose nothing, and each event is in an archive or in the stream", async (t) => {
  const world = await archiveWorld(t);
  const other = await archiveWorld(t, world.nats);
  const writer = await startWriter(t, world.nats, "one");
  const policy = await world.policyOf(writer.policyLine);
  await writer.write(40);
  await writer.checkpoint();
  const whole = (await readFile(await world.exported(), "utf8")).trimEnd().split("\n");
  const runs = await Promise.all([
    ...[world.archive("--policy", policy), world.archive("--policy", policy), other.archive("--policy", policy)],
  ]);
  t.true(runs.some(({ code }) => code === 0));
  const found = new Set([...(await world.lines()), ...(await other.lines())]);
  if ((await world.state()).messages > 0)
    for (const line of (await readFile(await world.exported(), "utf8")).split("\n")) found.add(line);
  t.deepEqual(
    whole.filter((line) => !found.has(line)),
    [],
  );
});

testWithNats(
  "a stream that was rolled back, or made again, is not trimmed by the numbers of the old one",
  async (t) => {
    const world = await archiveWorld(t);
    const signer = createLogSigner("one");
    const policy = await world.policyOf(signer.policyLine, createLogSigner("two").policyLine);
    const bodies = await bodiesBy(t, "one", 6);
    await ensureStream(world.connection, 1);
    await publishBodies(world.connection, bodies.slice(0, 3));
    await world.nats.kill9();
    const before = await world.nats.copyStore();
    await world.nats.restart();
    await untilAnswered(world);
    await publishBodies(world.connection, bodies.slice(3));
    await world.connection.jetstream().publish(checkpointSubject("one"), signer.checkpoint(bodies));
    t.like(await world.archive("--policy", policy), { code: 0, done: [{ type: "archived", to: 7 }] });
    await world.nats.restart({ from: before });
    await untilAnswered(world);
    // Other events take the numbers of those that were archived.
    const others = await bodiesBy(t, "two", 9);
    await publishBodies(world.connection, others);
    const rolledBack = await world.archive("--policy", policy);
    t.is(rolledBack.code, 2);
    t.regex(rolledBack.stderr, /DAMAGED.*SIGNET_AUDIT has another message 7 than was archived: it was rolled back/);
    t.like(await world.state(), { messages: 12 });
    await world.manager.streams.delete("SIGNET_AUDIT");
    await ensureStream(world.connection, 1);
    await publishBodies(world.connection, others);
    const again = await world.archive("--policy", policy);
    t.deepEqual([again.code, again.done[0].type, again.done[0].seq], [1, "uncovered", 1], "it is another stream");
    t.like(await world.state(), { messages: 9 });
  },
);

/** NATS was killed and is back. A request that was lost with its connection gets no answer: it is asked anew. */
async function untilAnswered({ connection }: { readonly connection: NatsConnection }): Promise<void> {
  const manager = await connection.jetstreamManager({ checkAPI: false, timeout: 1000 });
  const answered = () =>
    manager.streams.info("SIGNET_AUDIT").then(
      () => true,
      () => false,
    );
  await waitUntil("NATS answers", answered);
}
