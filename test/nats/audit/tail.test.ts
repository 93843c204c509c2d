import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { OutgoingEvent } from "../../../src/audit/forward/sink.ts";
import type { TailedEvent } from "../../../src/nats/audit/read-stream.ts";
import { ensureStream } from "../../../src/nats/audit/stream.ts";
import { type TailQuery, tail } from "../../../src/nats/audit/tail.ts";
import { collect } from "../../support/collect.ts";
import { makePublisher } from "../../support/files/forwarder-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { connect } from "../../support/nats/connect.ts";
import { openAccess } from "../../support/nats/nats-access.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { accessWith, secretFile } from "../../support/nats/secure-nats.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { waitUntil } from "../../support/wait-until.ts";

const forever = new AbortController().signal;

function event(number: number): OutgoingEvent {
  const profile = number % 2 === 0 ? "even" : "odd";
  const body = Buffer.from(String(number));
  const time = "2026-01-01T00:00:00Z";
  return {
    subject: `signet.audit.token.issued.${profile}`,
    id: `id-${number}`,
    type: "token.issued",
    time,
    writer: "w",
    traceparent: "",
    body,
  };
}

async function stream(t: ExecutionContext, count: number) {
  const server = await startNats(t);
  const sink = makePublisher(t, server);
  await sink.connected(forever);
  await sink.inspect(undefined, forever);
  await sink.publish(
    Array.from({ length: count }, (_, at) => event(at + 1)),
    forever,
  );
  const read = (options: Partial<TailQuery>) =>
    tail({ access: openAccess(server.url), subjects: ["signet.audit.>"], follow: false, signal: forever, ...options });
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();
  const storedAt = async (seq: number) => (await manager.streams.getMessage("SIGNET_AUDIT", { seq })).time;
  return { sink, read, storedAt };
}

const number = ({ body }: TailedEvent) => Number(Buffer.from(body).toString());

testWithNats("the last events of a subject are yielded in order, however many others lie between", async (t) => {
  const { read } = await stream(t, 50);
  const last = (await collect(read({ last: 3 }))).map(number);
  t.deepEqual(last, [48, 49, 50]);
  const odd = (await collect(read({ last: 3, subjects: ["signet.audit.*.*.odd"] }))).map(number);
  t.deepEqual(odd, [45, 47, 49]);
  const more = (await collect(read({ last: 100, subjects: ["signet.audit.*.*.odd"] }))).map(number);
  t.is(more.length, 25);
});

testWithNats("the last events that match are found, however many others lie between", async (t) => {
  const { read } = await stream(t, 50);
  const matches = (found: TailedEvent) => number(found) % 20 === 1;
  t.deepEqual((await collect(read({ last: 2, matches }))).map(number), [21, 41]);
  t.deepEqual((await collect(read({ last: 9, matches }))).map(number), [1, 21, 41]);
  t.deepEqual((await collect(read({ matches, subjects: ["signet.audit.*.*.odd"] }))).map(number), [1, 21, 41]);
  t.deepEqual(await collect(read({ last: 1, matches: () => false })), []);
});

testWithNats("a time begins with what JetStream stored since, and asks for nothing older", async (t) => {
  const { sink, read, storedAt } = await stream(t, 3);
  const before = (await storedAt(3)).getTime();
  await waitUntil("the clock has moved", () => Date.now() > before + 1);
  await sink.publish([event(4), event(5)], forever);
  const since = await storedAt(4);
  const looked: number[] = [];
  const matches = (found: TailedEvent) => looked.push(number(found)) > 0;
  t.deepEqual((await collect(read({ since, matches }))).map(number), [4, 5]);
  t.deepEqual(looked, [4, 5]);
  t.deepEqual((await collect(read({ since, last: 1 }))).map(number), [5]);
  t.deepEqual((await collect(read({ since, last: 9 }))).map(number), [4, 5]);
  t.deepEqual(await collect(read({ since: new Date((await storedAt(5)).getTime() + 1) })), []);
});

testWithNats("several subjects are read in the order of the stream", async (t) => {
  const { read } = await stream(t, 4);
  const subjects = ["signet.audit.*.*.odd", "signet.audit.*.*.even"];
  t.deepEqual((await collect(read({ subjects }))).map(number), [1, 2, 3, 4]);
});

testWithNats("without following, a subject without stored events ends at once", async (t) => {
  const { read } = await stream(t, 2);
  t.deepEqual(await collect(read({ subjects: ["signet.audit.key.>"] })), []);
  t.deepEqual(await collect(read({ last: 0 })), []);
});

const LONG = 16 * 1024;

/** A stream of so many events with long bodies: fewer than 1000 of them may wait for a reader. */
async function longStream(t: ExecutionContext, count: number) {
  const server = await startNats(t);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  await ensureStream(connection, 1);
  let last = 0;
  const publish = async (more: number) => {
    const bodies = Array.from({ length: more }, () => String(++last).padStart(LONG, "0"));
    await Promise.all(bodies.map((body) => connection.jetstream().publish("signet.audit.x", body)));
  };
  await publish(count);
  return { server, publish, numbers: Array.from({ length: count }, (_, at) => at + 1) };
}

testWithNats("a slow reader has little of the stream in memory, and gets all of it once, in order", async (t) => {
  const { server, numbers } = await longStream(t, 3000);
  let received = 0;
  const proxy = await startTcpProxy(t, server.url, (said) => {
    received += said.length;
    return said;
  });
  const events = tail({ access: openAccess(proxy.url), subjects: ["signet.audit.>"], follow: false, signal: forever });
  const { value } = await events.next();
  await waitUntil("it wants no more", () => proxy.sent("UNSUB ") === 1);
  const early = received;
  const rest = (await collect(events)).map(number);
  t.deepEqual([number(value as TailedEvent), ...rest], numbers);
  t.true(early < received / 2, `${early} of ${received} bytes before it was asked for more`);
});

testWithNats("what a slow reader left of a first part counts among what waits", async (t) => {
  const { server, publish } = await longStream(t, 900);
  let received = 0;
  const proxy = await startTcpProxy(t, server.url, (said) => {
    received += said.length;
    return said;
  });
  const events = tail({ access: openAccess(proxy.url), subjects: ["signet.audit.>"], follow: true, signal: forever });
  t.teardown(() => events.return(undefined));
  await events.next();
  await waitUntil("all have arrived", () => received > 900 * LONG);
  while (number((await events.next()).value as TailedEvent) < 100);
  await publish(1500);
  await waitUntil("it wants no more", () => proxy.sent("UNSUB ") === 1);
  t.true(received < 1400 * LONG, `${received} bytes, of which the first 100 events were read`);
});

testWithNats("a slow reader outlasts an outage that begins while it wants no more", async (t) => {
  const { server, numbers } = await longStream(t, 3000);
  const proxy = await startTcpProxy(t, server.url);
  const events = tail({ access: openAccess(proxy.url), subjects: ["signet.audit.>"], follow: false, signal: forever });
  const { value } = await events.next();
  await waitUntil("it wants no more", () => proxy.sent("UNSUB ") === 1);
  await server.stop();
  const starting = await startNats(t, { jetstream: false, port: Number(new URL(server.url).port) });
  const asked = () => proxy.sent("PUB $JS.API.STREAM.INFO.");
  const before = asked();
  const rest = collect(events);
  const askedAgain = waitUntil("it asks again, without JetStream", () => asked() >= before + 2);
  await Promise.race([rest, askedAgain]);
  await starting.stop();
  await server.restart();
  t.deepEqual([number(value as TailedEvent), ...(await rest).map(number)], numbers);
});

testWithNats("following continues with new events until the signal aborts", async (t) => {
  const { sink, read } = await stream(t, 2);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const message of read({ last: 1, follow: true, signal: stop.signal })) {
    seen.push(number(message));
    if (seen.length === 1) await sink.publish([event(3)], forever);
    else stop.abort();
  }
  t.deepEqual(seen, [2, 3]);
});

testWithNats("a tail whose user is taken away ends with the refusal", async (t) => {
  const folder = await tempFolder(t);
  const config = join(folder, "nats.conf");
  const pass = "password-of-the-auditor";
  const allow = (user: string) =>
    writeFile(config, `authorization { timeout: 60, users: [{ user: ${user}, password: "${pass}" }] }\n`);
  await allow("auditor");
  const server = await startNats(t, { flags: ["-c", config] });
  const connection = await connect({ servers: server.url, user: "auditor", pass });
  await ensureStream(connection, 1);
  await connection.jetstream().publish("signet.audit.token.issued.odd", "1");
  await connection.close();
  const [user, password] = [await secretFile(folder, "user", "auditor"), await secretFile(folder, "password", pass)];
  const access = accessWith(server, { user, password });
  const events = tail({ access, subjects: ["signet.audit.>"], follow: true, signal: forever });
  t.is(number((await events.next()).value as TailedEvent), 1);
  await allow("other");
  await server.reload();
  await t.throwsAsync(events.next(), { message: /authorization violation/i });
});

testWithNats("a tail without a stream says so", async (t) => {
  const server = await startNats(t);
  const events = tail({ access: openAccess(server.url), subjects: ["signet.audit.>"], follow: false, signal: forever });
  await t.throwsAsync(collect(events), { name: "SinkError", code: "REFUSED", message: /10059/ });
});
