import test from "ava";
import {
  FRAME_HEADER_BYTES,
  frameAt,
  frameHeader,
  groupBeginsAfter,
  MAX_BODY_BYTES,
} from "../../../src/audit/spool/frame.ts";

const framed = (body: string, startsGroup = true) =>
  Buffer.concat([frameHeader(Buffer.from(body), startsGroup), Buffer.from(body)]);

test("a frame gives back its body and whether it begins a group", (t) => {
  for (const startsGroup of [true, false]) {
    const bytes = framed('{"a":1}', startsGroup);
    t.deepEqual(frameAt(bytes, 0), { start: FRAME_HEADER_BYTES, end: bytes.length, startsGroup });
  }
});

test("a frame with any bit flipped is not a frame", (t) => {
  const whole = framed('{"eventId":"1"}');
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    // The group mark is no part of what the checksum covers: it only distinguishes torn from damaged.
    if (bit !== 7) t.is(frameAt(bytes, 0), undefined, `bit ${bit}`);
  }
});

test("a frame cut off at any byte is not a frame", (t) => {
  const whole = framed('{"eventId":"1"}');
  for (let size = 0; size < whole.length; size++) t.is(frameAt(whole.subarray(0, size), 0), undefined, `${size} bytes`);
});

test("zeros and a length beyond the limit are not frames", (t) => {
  t.is(frameAt(Buffer.alloc(64), 0), undefined);
  const bytes = Buffer.alloc(MAX_BODY_BYTES + 64);
  bytes.writeUInt32BE(MAX_BODY_BYTES + 1, 0);
  t.is(frameAt(bytes, 0), undefined);
});

test("a group is found behind damage of any length, and a frame within a group is not taken for one", (t) => {
  for (const garbage of [1, 7, 8, 9, 100]) {
    t.true(groupBeginsAfter(Buffer.concat([Buffer.alloc(garbage, 0x80), framed("x")]), 0), `${garbage} bytes`);
    t.false(groupBeginsAfter(Buffer.concat([Buffer.alloc(garbage, 0x80), framed("x", false)]), 0), `${garbage} bytes`);
  }
});
