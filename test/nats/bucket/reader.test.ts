import test, { type ExecutionContext } from "ava";
import { headers, type Msg } from "nats";
import type { Access, Bucket } from "../../../src/nats/bucket/bucket.ts";
import { STATE_BUCKET } from "../../../src/nats/bucket/name.ts";
import { existingEntries, openBucketReader } from "../../../src/nats/bucket/reader.ts";
import type { StateError } from "../../../src/state/keyvalue.ts";
import { collect } from "../../support/collect.ts";
import { turnsDuring } from "../../support/turns.ts";

/** A reader of `a/` whose server is the test: up to revision 9 there was something when it was opened. */
async function readerUnderTest(t: ExecutionContext) {
  let send = (_error: null, _message: Msg): void => t.fail("nothing has subscribed");
  const answered: string[] = [];
  const connection = {
    subscribe(_: string, { callback }: { callback: typeof send }) {
      send = callback;
      return { unsubscribe: () => undefined };
    },
    isClosed: () => false,
    publish: (subject: string) => void answered.push(subject),
  };
  const manager = { consumers: { add: async () => ({}) }, streams: { getMessage: async () => ({ seq: 9 }) } };
  const bucket = { name: STATE_BUCKET, verify: async () => ({}), sawRead: () => undefined } as unknown as Bucket;
  const access = { connection, manager, signal: new AbortController().signal } as unknown as Access;
  const reader = await openBucketReader(bucket, access, "a/");
  t.teardown(reader.close);
  const entry = (revision: number, delivery: number) =>
    send(null, {
      subject: `$KV.signet.a.${revision}`,
      reply: `$JS.ACK.KV_signet.c.1.${revision}.${delivery}.1000000.0`,
      data: new Uint8Array(),
    } as Msg);
  const status = (fields: Record<string, string>, reply?: string) => {
    const made = headers(100, "Idle Heartbeat");
    for (const [name, value] of Object.entries(fields)) made.set(name, value);
    send(null, { headers: made, ...(reply === undefined ? {} : { reply }) } as Msg);
  };
  return { bucket, reader, answered, entry, status };
}

/** Ends with UNAVAILABLE, saying so. */
async function ends(t: ExecutionContext, work: Promise<unknown>, message: RegExp): Promise<void> {
  t.is((await t.throwsAsync<StateError>(work, { message })).code, "UNAVAILABLE");
}

test("a message that did not come is missed at the next one", async (t) => {
  const { reader, entry } = await readerUnderTest(t);
  entry(4, 1);
  entry(6, 3);
  t.is((await reader.next()).revision, 4);
  await ends(t, reader.next(), /missed/);
});

test("the last message that did not come is missed at the next heartbeat", async (t) => {
  const { reader, entry, status } = await readerUnderTest(t);
  entry(4, 1);
  status({ "Nats-Last-Consumer": "1" });
  status({ "Nats-Last-Consumer": "2" });
  t.is((await reader.next()).revision, 4);
  t.is((await reader.next()).revision, 0);
  await ends(t, reader.next(), /missed/);
});

test("flow control is answered when everything before it was read, and not earlier", async (t) => {
  const { reader, answered, entry, status } = await readerUnderTest(t);
  entry(4, 1);
  status({}, "flow.1");
  status({ "Nats-Consumer-Stalled": "flow.2", "Nats-Last-Consumer": "1" });
  await reader.next();
  t.deepEqual(answered, []);
  await reader.next();
  t.deepEqual(answered, ["flow.1"]);
  await reader.next();
  t.deepEqual(answered, ["flow.1", "flow.2"]);
});

test("reading the existing entries ends when nothing arrives for three heartbeats", async (t) => {
  const { bucket, reader, entry, status } = await readerUnderTest(t);
  const idle = (last: string) => status({ "Nats-Last-Consumer": last });
  idle("0");
  idle("0");
  entry(4, 1);
  for (let beat = 0; beat < 3; beat++) idle("1");
  await ends(t, collect(existingEntries(bucket, reader)), /does not end/);
});

test("reading what was there ends when the server waits for a minute, since it does not hear that it is read on", async (t) => {
  const { bucket, reader, status } = await readerUnderTest(t);
  for (let beat = 0; beat < 60; beat++) status({ "Nats-Consumer-Stalled": "flow.1", "Nats-Last-Consumer": "0" });
  await ends(t, collect(existingEntries(bucket, reader)), /does not end/);
});

test("a process that was held up reads on: its server waited for it, and was not idle", async (t) => {
  const { bucket, reader, entry, status } = await readerUnderTest(t);
  entry(4, 1);
  status({}, "flow.1");
  for (let beat = 0; beat < 3; beat++) status({ "Nats-Consumer-Stalled": "flow.1", "Nats-Last-Consumer": "1" });
  entry(9, 2);
  const entries = await collect(existingEntries(bucket, reader));
  t.deepEqual(
    entries.map(({ key }) => key),
    ["a/4", "a/9"],
  );
});

test.serial(
  "a process that was held up for longer than its server may be silent reads on: it looks at what came first",
  async (t) => {
    const { reader, entry } = await readerUnderTest(t);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_100);
    // Timers that are due come before what the connection has received.
    setImmediate(() => entry(4, 1));
    t.is((await reader.next()).revision, 4);
    await ends(t, reader.next(), /stopped its heartbeats/);
  },
);

for (const [count, most, what] of [
  [2_000, Number.POSITIVE_INFINITY, "while a reader reads much that has arrived, calls have their turn"],
  [100, 1, "control: a reader of a little has it in one turn"],
] as const)
  test(what, async (t) => {
    const { reader, entry } = await readerUnderTest(t);
    for (let at = 1; at <= count; at += 1) entry(at, at);
    const seen: number[] = [];
    const turns = await turnsDuring(async () => {
      while (seen.length < count) seen.push((await reader.next()).revision);
    });
    t.deepEqual(
      seen,
      Array.from({ length: count }, (_, at) => at + 1),
    );
    t.true(turns >= Math.floor((count - 1) / 200) && turns <= most, `${turns}`);
  });
