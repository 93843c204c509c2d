import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { readHeader } from "../../../src/audit/event-header.ts";
import { startForwarder } from "../../support/files/forwarder-fixture.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { MemorySink } from "../../support/nats/memory-sink.ts";
import { waitUntil } from "../../support/wait-until.ts";

const numbersIn = (sink: MemorySink) => numbersOf(sink.stored.map(({ body }) => Buffer.from(body)));

test("events are forwarded in order, those from before the start and those that come", async (t) => {
  const spool = await makeSpool(t);
  const sink = new MemorySink();
  await spool.append(issued(1), TIME);
  startForwarder(t, { spool, sink });
  await spool.append(issued(2), TIME);
  await waitUntil("both are acknowledged", () => spool.acknowledged.position === 2);
  t.deepEqual(numbersIn(sink), [1, 2]);
});

test("an event that is refused holds the place, and those after it are not sent twice", async (t) => {
  const spool = await makeSpool(t);
  const sink = new MemorySink();
  await Promise.all([1, 2, 3].map((number) => spool.append(issued(number), TIME)));
  const second = readHeader((await bodiesOf(spool))[1] ?? Buffer.of()).id;
  sink.refused.add(second);
  const sent: number[] = [];
  const counting = {
    ...bind(sink),
    publish: (...args: Parameters<MemorySink["publish"]>) => {
      sent.push(args[0].length);
      return sink.publish(...args);
    },
  };
  const { reports } = startForwarder(t, { spool, sink: counting });
  await waitUntil("the refusal is reported", () => reports.some((report) => report.type === "audit.retrying"));
  t.is(spool.acknowledged.position, 1);
  t.like(reports.at(-1), { type: "audit.retrying", code: "REFUSED", message: "refused by the test", retryInMs: 250 });
  sink.refused.clear();
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 3);
  t.is(reports.at(-1)?.type, "audit.forwarding", "what was reported as failing is reported as mended");
  t.deepEqual(numbersIn(sink), [1, 3, 2]);
  t.deepEqual([sent[0], sent.at(-1)], [3, 1]);
});

test("a stream that was lost is noticed by its first acknowledgement, and everything retained is replayed", async (t) => {
  const spool = await makeSpool(t);
  const sink = new MemorySink();
  const { reports } = startForwarder(t, { spool, sink });
  await Promise.all([1, 2, 3].map((number) => spool.append(issued(number), TIME)));
  await waitUntil("three are acknowledged", () => spool.acknowledged.position === 3);
  sink.lose();
  await spool.append(issued(4), TIME);
  await waitUntil("all are in the new stream", () => spool.acknowledged.position === 4 && sink.stored.length === 4);
  t.deepEqual(numbersIn(sink).toSorted(), [1, 2, 3, 4]);
  t.true(reports.some((report) => report.type === "audit.replaying" && report.events === 4));
});

test("events behind an accepted loss are forwarded and acknowledged, also when all is replayed", async (t) => {
  const folder = await tempFolder(t);
  const options = { folder, segmentBytes: 1, maxBytes: 1 << 24 };
  const before = await makeSpool(t, options);
  for (const number of [1, 2, 3]) await before.append(issued(number), TIME);
  await before.close();
  await rm(join(folder, "0000000000000002.segment"));
  const spool = await makeSpool(t, { ...options, acceptLosses: ["events:2-2"] });
  const sink = new MemorySink();
  startForwarder(t, { spool, sink });
  await spool.append(issued(4), TIME);
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 4);
  t.deepEqual(numbersIn(sink), [1, 3, 4]);
  sink.lose();
  await spool.append(issued(5), TIME);
  await waitUntil("all are acknowledged again", () => spool.acknowledged.position === 5 && sink.stored.length === 4);
  t.is((await spool.depth()).events, 0);
});

test("nothing is published while a setting is refused, and afterwards everything that is retained, once more", async (t) => {
  const spool = await makeSpool(t);
  const sink = new MemorySink();
  const { reports } = startForwarder(t, { spool, sink, inspectMs: 1 });
  await Promise.all([1, 2].map((number) => spool.append(issued(number), TIME)));
  await waitUntil("two are acknowledged", () => spool.acknowledged.position === 2);
  sink.settings = { refused: ["max_msgs_per_subject"], alarms: [] };
  await waitUntil("it is reported", () => reports.some((report) => report.type === "audit.settings"));
  await spool.append(issued(3), TIME);
  sink.lose();
  t.is(spool.acknowledged.position, 0, "what the stream acknowledged proves nothing");
  t.is((await spool.depth()).events, 3);
  await spool.trim(0);
  t.is(sink.stored.length, 0);
  sink.settings = { refused: [], alarms: ["max_age"] };
  await waitUntil("all are acknowledged", () => spool.acknowledged.position === 3);
  t.deepEqual(numbersIn(sink), [1, 2, 3]);
  const settings = reports.filter((report) => report.type === "audit.settings");
  t.deepEqual(
    settings.map(({ refused, alarms }) => [...refused, ...alarms]),
    [["max_msgs_per_subject"], ["max_age"]],
  );
});

test("stopping forwards the events that are there", async (t) => {
  const spool = await makeSpool(t);
  const sink = new MemorySink();
  const { forwarder } = startForwarder(t, { spool, sink });
  await Promise.all(Array.from({ length: 600 }, (_, at) => spool.append(issued(at), TIME)));
  await forwarder.stop(10_000);
  t.is(sink.stored.length, 600);
  t.is(spool.acknowledged.position, 600);
});

test("what was acknowledged past the horizon is trimmed", async (t) => {
  let clock = 0;
  const monotonic = () => {
    clock += 1000;
    return clock;
  };
  const spool = await makeSpool(t, { segmentBytes: 1, maxBytes: 1 << 20, monotonic });
  for (const number of [1, 2, 3]) await spool.append(issued(number), TIME);
  startForwarder(t, { spool, sink: new MemorySink(), horizonMs: 0, monotonic });
  await waitUntil("only the last is left", async () => numbersOf(await bodiesOf(spool)).length === 1);
  t.is(spool.acknowledged.position, 3);
});

function bind(sink: MemorySink) {
  return {
    connected: () => sink.connected(),
    inspect: (mark: Parameters<MemorySink["inspect"]>[0]) => sink.inspect(mark),
  };
}
