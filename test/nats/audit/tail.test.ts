import type { ExecutionContext } from "ava";
import type { OutgoingEvent } from "../../../src/audit/forward/sink.ts";
import { type TailedEvent, type TailOptions, tail } from "../../../src/nats/audit/tail.ts";
import { collect } from "../../support/collect.ts";
import { makePublisher } from "../../support/files/forwarder-fixture.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";

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
  const read = (options: Partial<TailOptions>) =>
    tail({ url: server.url, subject: "signet.audit.>", from: "all", follow: false, signal: forever, ...options });
  return { sink, read };
}

const number = ({ body }: TailedEvent) => Number(Buffer.from(body).toString());

testWithNats("the last events of a subject are yielded in order, however many others lie between", async (t) => {
  const { read } = await stream(t, 50);
  const last = (await collect(read({ from: { last: 3 } }))).map(number);
  t.deepEqual(last, [48, 49, 50]);
  const odd = (await collect(read({ from: { last: 3 }, subject: "signet.audit.*.*.odd" }))).map(number);
  t.deepEqual(odd, [45, 47, 49]);
  const more = (await collect(read({ from: { last: 100 }, subject: "signet.audit.*.*.odd" }))).map(number);
  t.is(more.length, 25);
});

testWithNats("without following, a subject without stored events ends at once", async (t) => {
  const { read } = await stream(t, 2);
  t.deepEqual(await collect(read({ subject: "signet.audit.key.>" })), []);
  t.deepEqual(await collect(read({ from: "new" })), []);
});

testWithNats("following continues with new events until the signal aborts", async (t) => {
  const { sink, read } = await stream(t, 2);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const message of read({ from: { last: 1 }, follow: true, signal: stop.signal })) {
    seen.push(number(message));
    if (seen.length === 1) await sink.publish([event(3)], forever);
    else stop.abort();
  }
  t.deepEqual(seen, [2, 3]);
});

testWithNats("a tail without a stream says so", async (t) => {
  const server = await startNats(t);
  const events = tail({ url: server.url, subject: "signet.audit.>", from: "all", follow: false, signal: forever });
  await t.throwsAsync(collect(events), { name: "SinkError", code: "REFUSED", message: /10059/ });
});
