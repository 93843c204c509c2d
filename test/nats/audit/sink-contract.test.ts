import test, { type ExecutionContext } from "ava";
import type { EventSink, OutgoingEvent } from "../../../src/audit/forward/sink.ts";
import { makePublisher } from "../../support/files/forwarder-fixture.ts";
import { MemorySink } from "../../support/nats/memory-sink.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";

const signal = new AbortController().signal;

function event(id: string): OutgoingEvent {
  const body = Buffer.from(`{"eventId":"${id}"}`);
  const time = "2026-01-01T00:00:00Z";
  const type = "token.issued";
  return { subject: `signet.audit.${type}.service`, id, type, time, writer: "writer-1", traceparent: "", body };
}

/** What every sink must do, whatever is behind it. */
const contract: Record<string, (t: ExecutionContext, sink: EventSink) => Promise<void>> = {
  "stores events in order and returns their places": async (t, sink) => {
    const outcomes = await sink.publish([event("a"), event("b"), event("c")], signal);
    t.deepEqual(
      outcomes,
      [1, 2, 3].map((seq) => ({ stored: true, seq, duplicate: false })),
    );
  },
  "stores an id once and returns the first place again": async (t, sink) => {
    await sink.publish([event("a"), event("b")], signal);
    const outcomes = await sink.publish([event("a"), event("c")], signal);
    t.deepEqual(outcomes, [
      { stored: true, seq: 1, duplicate: true },
      { stored: true, seq: 3, duplicate: false },
    ]);
  },
  "answers an empty group": async (t, sink) => {
    t.deepEqual(await sink.publish([], signal), []);
  },
  "holds nothing against a mark that was never made": async (t, sink) => {
    t.like(await sink.inspect(undefined, signal), { holds: true, settings: { refused: [], alarms: [] } });
  },
  "holds the mark of an event that it has": async (t, sink) => {
    const { created } = await sink.inspect(undefined, signal);
    await sink.publish([event("a"), event("b")], signal);
    t.like(await sink.inspect({ created, seq: 2, eventId: "b" }, signal), { created, holds: true });
  },
  "does not hold a mark with another creation, beyond its end, or of another event": async (t, sink) => {
    const { created } = await sink.inspect(undefined, signal);
    await sink.publish([event("a"), event("b")], signal);
    t.like(await sink.inspect({ created: "another", seq: 2, eventId: "b" }, signal), { holds: false });
    t.like(await sink.inspect({ created, seq: 3, eventId: "c" }, signal), { holds: false });
    t.like(await sink.inspect({ created, seq: 2, eventId: "c" }, signal), { holds: false });
  },
  "distinguishes an aborted publish from one that was stored": async (t, sink) => {
    t.like((await sink.publish([event("a")], AbortSignal.abort()))[0], { stored: false, code: "TIMEOUT" });
  },
};

for (const [promise, check] of Object.entries(contract)) {
  test(`the sink in memory ${promise}`, (t) => check(t, new MemorySink()));
  testWithNats(`the NATS sink ${promise}`, async (t) => {
    const sink = makePublisher(t, await startNats(t));
    await sink.connected(signal);
    await sink.inspect(undefined, signal);
    await check(t, sink);
  });
}
