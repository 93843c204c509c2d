import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { NatsConnection } from "nats";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import { ensureStream, wantedStream } from "../../../src/nats/audit/stream.ts";
import { AUDIT_STREAM, findAuditStreams, NEXT_AUDIT_STREAM, takesEvents } from "../../../src/nats/audit/streams.ts";
import { tail } from "../../../src/nats/audit/tail.ts";
import { collect } from "../../support/collect.ts";
import { makePublisher, startForwarder } from "../../support/files/forwarder-fixture.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { connect } from "../../support/nats/connect.ts";
import { openAccess } from "../../support/nats/nats-access.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";

const forever = new AbortController().signal;
const LEFT = ["signet.closed.audit"];

test("a stream takes events if one of its subjects overlaps theirs", (t) => {
  const takes = (...subjects: string[]) => takesEvents({ config: { subjects } } as never);
  for (const subject of ["signet.audit.>", ">", "signet.>", "*.audit.token.issued.service", "signet.audit.*.*.x"])
    t.true(takes("other", subject), subject);
  for (const subject of ["signet.audit", "signet.closed.audit", "SIGNET_AUDIT", "signet.*", "a.>"])
    t.false(takes(subject), subject);
});

/** A stream as an earlier version made it, and its subjects moved away as docs/operations.md says. */
async function earlierStream(connection: NatsConnection, { deny_purge = true } = {}) {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ ...wantedStream(1), deny_purge });
  return {
    manager,
    moveAway: () => manager.streams.update(AUDIT_STREAM, { ...wantedStream(1), deny_purge, subjects: LEFT }),
  };
}

async function connected(t: Parameters<typeof startNats>[0]) {
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  return { server, connection };
}

const appendAll = (spool: Spool, from: number, to: number) =>
  Promise.all(Array.from({ length: to - from + 1 }, (_, at) => spool.append(issued(from + at), TIME)));

testWithNats("a new stream can be purged by those who may, and an earlier one that can't be is used", async (t) => {
  const { connection } = await connected(t);
  const { info, settings } = await ensureStream(connection, 1);
  t.false(info.config.deny_purge);
  t.true(info.config.deny_delete);
  t.deepEqual(settings, { refused: [], alarms: [] });
  const manager = await connection.jetstreamManager();
  await manager.streams.delete(AUDIT_STREAM);
  await earlierStream(connection);
  const earlier = await ensureStream(connection, 1);
  t.true(earlier.info.config.deny_purge);
  t.deepEqual(earlier.settings, { refused: [], alarms: [] });
  t.deepEqual((await findAuditStreams(manager)).length, 1);
});

testWithNats("the next stream is made only when one that can't be purged has given its subjects away", async (t) => {
  const { connection } = await connected(t);
  const { manager, moveAway } = await earlierStream(connection, { deny_purge: false });
  await moveAway();
  const mistaken = await ensureStream(connection, 1);
  t.deepEqual([mistaken.info.config.name, mistaken.all.length], [AUDIT_STREAM, 1]);
  t.regex(mistaken.settings.alarms[0] ?? "", /^subjects of SIGNET_AUDIT/);
  await manager.streams.delete(AUDIT_STREAM);
  await (await earlierStream(connection)).moveAway();
  const moved = await ensureStream(connection, 1);
  t.is(moved.info.config.name, NEXT_AUDIT_STREAM);
  t.false(moved.info.config.deny_purge);
  t.deepEqual(moved.settings, { refused: [], alarms: [] });
  t.deepEqual(
    moved.all.map(({ config }) => config.name),
    [AUDIT_STREAM, NEXT_AUDIT_STREAM],
  );
});

testWithNats(
  "no event is lost when the subjects are moved while events are published, and none replayed",
  async (t) => {
    const { server, connection } = await connected(t);
    const { manager, moveAway } = await earlierStream(connection);
    const spool = await makeSpool(t);
    const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server) });
    let appended = 0;
    const append = async () => {
      await appendAll(spool, appended + 1, appended + 50);
      appended += 50;
    };
    while (spool.acknowledged.position < 200) await append();
    const moving = moveAway();
    for (let more = 0; more < 10; more++) await append();
    await moving;
    await append();
    await waitUntil("all are acknowledged", () => spool.acknowledged.position === appended);
    const stored = await collect(
      tail({ access: openAccess(server.url), subjects: ["signet.audit.>"], follow: false, signal: forever }),
    );
    t.deepEqual(
      [...new Set(stored.map(({ stream }) => stream))],
      [AUDIT_STREAM, NEXT_AUDIT_STREAM],
      "the oldest first",
    );
    // An event whose acknowledgement was lost may be in both: readers go by its id.
    const bodies = new Map(stored.map(({ headers, body }) => [headers["ce-id"], String(Buffer.from(body))]));
    t.deepEqual([...bodies.values()].toSorted(), (await bodiesOf(spool)).map(String).toSorted());
    t.false(reports.some(({ type }) => type === "audit.replaying"));
    t.true(reports.some((report) => report.type === "audit.retrying" && report.code === "NO_STREAM"));
    t.is((await manager.streams.info(NEXT_AUDIT_STREAM)).state.last_seq > 0, true);
  },
);

testWithNats("a spool whose last event is in the stream that was left keeps its mark", async (t) => {
  const { server, connection } = await connected(t);
  const { manager, moveAway } = await earlierStream(connection);
  const spool = await makeSpool(t);
  const first = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 1, 20);
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 20);
  await first.forwarder.stop(1000);
  await moveAway();
  const second = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 21, 30);
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 30);
  t.false(second.reports.some(({ type }) => type === "audit.replaying"));
  await second.forwarder.stop(1000);
  // Negative control: without the stream that holds it, the mark is gone.
  await manager.streams.delete(NEXT_AUDIT_STREAM);
  const third = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await waitUntil("the replay is reported", () => third.reports.some(({ type }) => type === "audit.replaying"));
});

testWithNats("a tail reads both streams as one, also the last events and those of a time", async (t) => {
  const { server, connection } = await connected(t);
  const { moveAway } = await earlierStream(connection);
  const spool = await makeSpool(t);
  startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 1, 10);
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 10);
  await moveAway();
  await appendAll(spool, 11, 15);
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 15);
  const read = async (options: object) => {
    const query = { access: openAccess(server.url), subjects: ["signet.audit.>"], follow: false, signal: forever };
    return numbersOf((await collect(tail({ ...query, ...options }))).map(({ body }) => Buffer.from(body)));
  };
  t.deepEqual(await read({ last: 7 }), [9, 10, 11, 12, 13, 14, 15]);
  t.deepEqual(await read({ last: 5 }), [11, 12, 13, 14, 15]);
  t.deepEqual(await read({ last: 2 }), [14, 15]);
  t.is((await read({ since: new Date(Date.now() - 3_600_000) })).length, 15);
  t.deepEqual(await read({ until: new Date(Date.now() - 3_600_000) }), []);
  t.deepEqual(await read({ matches: ({ stream }: { stream: string }) => stream === AUDIT_STREAM, last: 2 }), [9, 10]);
});

testWithNats("a tail that follows goes on in the next stream", async (t) => {
  const { server, connection } = await connected(t);
  const { moveAway } = await earlierStream(connection);
  const spool = await makeSpool(t);
  startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 1, 3);
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 3);
  const stop = new AbortController();
  const seen: string[] = [];
  const query = { access: openAccess(server.url), subjects: ["signet.audit.>"], follow: true, signal: stop.signal };
  for await (const { stream, seq } of tail(query)) {
    seen.push(`${stream} ${seq}`);
    if (seen.length === 3) {
      await moveAway();
      await appendAll(spool, 4, 5);
    }
    if (seen.length === 5) stop.abort();
  }
  t.deepEqual(seen, [
    ...[1, 2, 3].map((seq) => `${AUDIT_STREAM} ${seq}`),
    ...[1, 2].map((seq) => `${NEXT_AUDIT_STREAM} ${seq}`),
  ]);
});

testWithNats("how full the stream is is known, with its own limit or the one of the account", async (t) => {
  const { connection } = await connected(t);
  const { usage } = await ensureStream(connection, 1);
  t.deepEqual(usage, { bytes: 0, messages: 0, oldestTime: undefined, limitBytes: undefined });
  const before = Date.now();
  await connection.jetstream().publish("signet.audit.token.issued.service", "{}");
  const manager = await connection.jetstreamManager();
  await manager.streams.update(AUDIT_STREAM, { ...wantedStream(1), max_bytes: 10_000 });
  const full = (await ensureStream(connection, 1)).usage;
  t.like(full, { messages: 1, limitBytes: 10_000 });
  t.true(full.bytes > 0);
  t.true(Math.abs((full.oldestTime ?? 0) - before) < 60_000);
  const limited = join(await tempFolder(t), "limited.conf");
  const users = `users: [{ user: a, password: a }]`;
  await writeFile(limited, `accounts { A { jetstream: { max_file: 5000 }, ${users} } }\n`);
  const server = await startNats(t, { flags: ["-c", limited] });
  const own = await connect({ servers: server.url, user: "a", pass: "a" });
  t.teardown(() => own.close());
  await ensureStream(own, 1);
  await own.jetstream().publish("signet.audit.token.issued.service", "{}");
  t.is((await ensureStream(own, 1)).usage.limitBytes, 5000);
});
