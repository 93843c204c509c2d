import test from "ava";
import { INFLATER_BYTES, MessageMeter } from "../../../src/grpc/connections/message-meter.ts";

const MAX = 1_048_576;
/** What is counted for a message that waits for its handler. */
const WAITING = 1024;

/** A gRPC message, or as much of it as `sent` has, in a buffer of its own. */
function message(length: number, { compressed = false, sent = length } = {}): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + sent);
  bytes[0] = compressed ? 1 : 0;
  new DataView(bytes.buffer).setUint32(1, length);
  return bytes;
}

test("each message costs its bytes and a waiting place, however short it is", (t) => {
  const meter = new MessageMeter(MAX);
  const empty = message(0);
  const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => empty));
  t.is(meter.costOf(chunk), chunk.length + 1_000 * WAITING);
});

test("a compressed message costs what it may become, and at most the largest message", (t) => {
  const [small, large] = [message(10, { compressed: true }), message(5_000, { compressed: true })];
  t.is(new MessageMeter(MAX).costOf(small), small.length + WAITING + INFLATER_BYTES + 10 * 1032);
  t.is(new MessageMeter(MAX).costOf(large), large.length + WAITING + INFLATER_BYTES + MAX);
});

test("a message that comes byte by byte, also its length, costs the same as in one piece", (t) => {
  const bytes = message(7, { compressed: true });
  const meter = new MessageMeter(MAX);
  const costs = [...bytes].map((byte) => meter.costOf(Uint8Array.of(byte)));
  t.is(
    costs.reduce((sum, cost) => sum + cost, 0),
    new MessageMeter(MAX).costOf(bytes),
  );
});

test("a message is unfinished until its last byte, also within its length", (t) => {
  const bytes = message(3);
  const meter = new MessageMeter(MAX);
  const unfinished = [...bytes].map((byte) => {
    meter.costOf(Uint8Array.of(byte));
    return meter.isUnfinished;
  });
  t.deepEqual(unfinished, [true, true, true, true, true, true, true, false]);
});
