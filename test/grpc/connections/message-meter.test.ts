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

test("an unfinished message costs all of the read that it keeps alive, once for each read", (t) => {
  const read = new Uint8Array(65_536);
  read.set(message(1_000, { sent: 3 }));
  const meter = new MessageMeter(MAX);
  t.is(meter.costOf(read.subarray(0, 8)), read.length + WAITING);
  t.is(meter.costOf(read.subarray(8, 10)), 2);
  t.is(meter.costOf(new Uint8Array(65_536).subarray(0, 2)), 65_536);
});

test("a finished message keeps no read alive", (t) => {
  const read = new Uint8Array(65_536);
  t.is(new MessageMeter(MAX).costOf(read.subarray(0, 5)), 5 + WAITING);
});
