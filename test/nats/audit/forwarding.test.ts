import { randomInt } from "node:crypto";
import type { ExecutionContext } from "ava";
import { nanos } from "nats";
import { createUuidV7Generator } from "../../../src/audit/event-id.ts";
import type { Spool } from "../../../src/audit/spool/spool.ts";
import type { TailedEvent } from "../../../src/nats/audit/read-stream.ts";
import { tail } from "../../../src/nats/audit/tail.ts";
import { collect } from "../../support/collect.ts";
import { makePublisher, startForwarder } from "../../support/files/forwarder-fixture.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { connect } from "../../support/nats/connect.ts";
import { openAccess } from "../../support/nats/nats-access.ts";
import { type NatsServer, startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { freePort } from "../../support/service/free-port.ts";
import { waitUntil } from "../../support/wait-until.ts";

async function storedIn(server: Pick<NatsServer, "url">): Promise<TailedEvent[]> {
  const signal = new AbortController().signal;
  return await collect(tail({ access: openAccess(server.url), subjects: ["signet.audit.>"], follow: false, signal }));
}

const appendAll = (spool: Spool, from: number, to: number) =>
  Promise.all(Array.from({ length: to - from + 1 }, (_, at) => spool.append(issued(from + at), TIME)));
const acknowledged = (spool: Spool, position: number) =>
  waitUntil(`${position} events are acknowledged`, () => spool.acknowledged.position === position);
const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);
const sortedNumbers = (events: readonly TailedEvent[]) =>
  numbersOf(events.map(({ body }) => Buffer.from(body))).toSorted((a, b) => a - b);

async function requireEachOnce(t: ExecutionContext, spool: Spool, server: NatsServer): Promise<void> {
  const stored = await storedIn(server);
  const bodies = await bodiesOf(spool);
  t.deepEqual(
    stored.map(({ body }) => Buffer.from(body).toString()).toSorted(),
    bodies.map(String).toSorted(),
    "each body once, byte for byte",
  );
}

testWithNats("every event arrives with its body byte for byte and its CloudEvents headers", async (t) => {
  const server = await startNats(t);
  const spool = await makeSpool(t);
  const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 1, 1000);
  await acknowledged(spool, 1000);
  const stored = await storedIn(server);
  t.deepEqual(
    stored.map(({ body }) => Buffer.from(body)),
    await bodiesOf(spool),
  );
  const first = stored[0];
  const { eventId } = JSON.parse(Buffer.from(first?.body ?? []).toString());
  t.is(first?.subject, "signet.audit.token.issued.service");
  t.deepEqual(first?.headers, {
    "Nats-Msg-Id": eventId,
    "ce-specversion": "1.0",
    "ce-id": eventId,
    "ce-type": "token.issued",
    "ce-source": "signet/writer-1",
    "ce-time": new Date(TIME).toISOString(),
    "ce-datacontenttype": "application/json",
    "content-type": "application/json",
  });
  t.like(reports, { 0: { type: "audit.forwarding" }, length: 1 });
});

testWithNats("no profile can publish outside its subject, whatever its name", async (t) => {
  const server = await startNats(t);
  const spool = await makeSpool(t);
  startForwarder(t, { spool, sink: makePublisher(t, server) });
  const names = ["a b", "x 0\r\n\r\nPUB signet.audit.forged 2\r\nhi", "a.b", "*", ">", "fine-1"];
  for (const profile of names) await spool.append({ ...issued(1), profile } as ReturnType<typeof issued>, TIME);
  await acknowledged(spool, names.length);
  t.deepEqual(
    (await storedIn(server)).map(({ subject }) => subject),
    [...Array.from({ length: 5 }, () => "signet.audit.token.issued._"), "signet.audit.token.issued.fine-1"],
  );
});

testWithNats(
  "a server killed again and again while events are published has each exactly once in the end",
  async (t) => {
    const seed = randomInt(2 ** 31);
    t.log(`seed ${seed}`);
    const server = await startNats(t);
    const spool = await makeSpool(t);
    startForwarder(t, { spool, sink: makePublisher(t, server, 1000) });
    let appended = 0;
    for (let kill = 0; kill < 3; kill++) {
      const target = spool.acknowledged.position + 1 + ((seed >> (kill * 8)) % 400);
      while (spool.acknowledged.position < target) {
        await appendAll(spool, appended + 1, appended + 50);
        appended += 50;
      }
      await server.kill9();
      await appendAll(spool, appended + 1, appended + 300);
      appended += 300;
      await server.restart();
    }
    await acknowledged(spool, appended);
    t.deepEqual(sortedNumbers(await storedIn(server)), upTo(appended));
    await requireEachOnce(t, spool, server);
  },
);

testWithNats(
  "a server that is paused while events are published has each exactly once after it continues",
  async (t) => {
    const server = await startNats(t);
    const spool = await makeSpool(t);
    const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server, 300) });
    await appendAll(spool, 1, 10);
    await acknowledged(spool, 10);
    server.pause();
    await appendAll(spool, 11, 400);
    await waitUntil("a time-out is reported", () =>
      reports.some((report) => report.type === "audit.retrying" && report.code === "TIMEOUT"),
    );
    server.resume();
    await acknowledged(spool, 400);
    await requireEachOnce(t, spool, server);
  },
);

testWithNats("a service that starts without NATS writes its events, and forwards them when NATS comes", async (t) => {
  const port = await freePort();
  const spool = await makeSpool(t);
  const { forwarder } = startForwarder(t, { spool, sink: makePublisher(t, { url: `nats://127.0.0.1:${port}` }) });
  await appendAll(spool, 1, 100);
  t.is(spool.acknowledged.position, 0);
  const server = await startNats(t, { port });
  await acknowledged(spool, 100);
  await forwarder.stop(1000);
  t.deepEqual(sortedNumbers(await storedIn(server)), upTo(100));
});

testWithNats("stopping while NATS is unreachable ends at once and loses nothing", async (t) => {
  const spool = await makeSpool(t);
  const sink = makePublisher(t, { url: `nats://127.0.0.1:${await freePort()}` });
  const { forwarder } = startForwarder(t, { spool, sink });
  await appendAll(spool, 1, 3);
  await forwarder.stop(60_000);
  t.like(await spool.depth(), { events: 3 });
});

testWithNats(
  "a stream that is deleted while events are published is created again and gets all that is retained",
  async (t) => {
    const server = await startNats(t);
    const spool = await makeSpool(t);
    const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server) });
    await appendAll(spool, 1, 300);
    await acknowledged(spool, 300);
    const connection = await connect({ servers: server.url });
    await (await connection.jetstreamManager()).streams.delete("SIGNET_AUDIT");
    await connection.close();
    await appendAll(spool, 301, 400);
    await acknowledged(spool, 400);
    await waitUntil("the replay is reported", () => reports.some((report) => report.type === "audit.replaying"));
    await acknowledged(spool, 400);
    await requireEachOnce(t, spool, server);
  },
);

testWithNats("stopping while the server is paused ends at its deadline, in a group or at an inspection", async (t) => {
  const server = await startNats(t);
  const spool = await makeSpool(t);
  const sink = makePublisher(t, server, 60_000);
  const { forwarder } = startForwarder(t, { spool, sink });
  await appendAll(spool, 1, 1);
  await acknowledged(spool, 1);
  server.pause();
  await appendAll(spool, 2, 3);
  await forwarder.stop(100);
  await startForwarder(t, { spool, sink }).forwarder.stop(100);
  server.resume();
  t.is(spool.acknowledged.position, 1);
});

testWithNats("a server that comes back with an empty store gets all retained events", async (t) => {
  const server = await startNats(t);
  const spool = await makeSpool(t);
  const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 1, 300);
  await acknowledged(spool, 300);
  await server.restart({ loseStore: true });
  await waitUntil("the replay is reported", () => reports.some((report) => report.type === "audit.replaying"));
  await acknowledged(spool, 300);
  await requireEachOnce(t, spool, server);
});

testWithNats("a stream that was lost while the service was down is noticed at its start", async (t) => {
  const server = await startNats(t);
  const first = await makeSpool(t);
  const { forwarder } = startForwarder(t, { spool: first, sink: makePublisher(t, server) });
  await appendAll(first, 1, 20);
  await acknowledged(first, 20);
  await forwarder.stop(1000);
  await server.restart({ loseStore: true });
  const { reports } = startForwarder(t, { spool: first, sink: makePublisher(t, server) });
  await waitUntil("the replay is reported", () => reports.some((report) => report.type === "audit.replaying"));
  await acknowledged(first, 20);
  await requireEachOnce(t, first, server);
});

testWithNats("a server without JetStream is reported and tried again", async (t) => {
  const server = await startNats(t, { jetstream: false });
  const spool = await makeSpool(t, { newId: createUuidV7Generator() });
  const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await waitUntil("two attempts are reported", () => reports.length >= 2);
  t.deepEqual(
    new Set(reports.map((report) => report.type === "audit.retrying" && report.code)),
    new Set(["NO_STREAM"]),
  );
});

testWithNats("a stream with other settings is used unchanged, and each difference is named", async (t) => {
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: "SIGNET_AUDIT", subjects: ["signet.audit.>"], max_age: nanos(3_600_000) });
  const spool = await makeSpool(t);
  const { reports } = startForwarder(t, { spool, sink: makePublisher(t, server) });
  await appendAll(spool, 1, 1);
  await acknowledged(spool, 1);
  const settings = reports.find((report) => report.type === "audit.settings");
  t.deepEqual(settings?.refused, []);
  t.deepEqual(
    settings?.alarms.map((text) => text.split(":")[0]),
    [
      "max_age of SIGNET_AUDIT is 3600 s, allowed is off",
      'discard of SIGNET_AUDIT is "old", allowed is "new"',
      "deny_delete of SIGNET_AUDIT is off, allowed is true",
    ],
  );
  t.is((await manager.streams.info("SIGNET_AUDIT")).config.max_age, nanos(3_600_000));
  await connection.close();
});
