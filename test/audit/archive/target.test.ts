import test from "ava";
import { PartEnd, type RetentionTarget, storedBytes } from "../../../src/audit/archive/target.ts";

/** The end of the part of a stream with the messages 1 to 10, of 100 bytes each. */
function endOf(target: Partial<RetentionTarget>): number {
  const end = new PartEnd({ settledTo: 11, oldTo: undefined, keepBytes: undefined, ...target }, 1000);
  for (let seq = 1; seq <= 10; seq++) if (!end.takes({ seq }, 100)) break;
  return end.end;
}

test("a part ends where neither its age nor the size of the stream wants more", (t) => {
  t.is(endOf({}), 10);
  t.is(endOf({ settledTo: 4 }), 3);
  t.is(endOf({ oldTo: 6 }), 5);
  t.is(endOf({ oldTo: 1 }), 0);
  t.is(endOf({ keepBytes: 1000 }), 0);
  t.is(endOf({ keepBytes: 999 }), 1);
  t.is(endOf({ keepBytes: 0 }), 10);
  t.is(endOf({ oldTo: 3, keepBytes: 500 }), 5);
  t.is(endOf({ oldTo: 8, keepBytes: 500 }), 7);
  t.is(endOf({ oldTo: 8, keepBytes: 500, settledTo: 2 }), 1);
});

test("a message takes its bytes, those of its headers, and those of its record", (t) => {
  t.is(storedBytes({ subject: "a.b", headers: {}, body: Buffer.alloc(10) }), 43);
  // NATS/1.0\r\n, a: b\r\n, \r\n
  t.is(storedBytes({ subject: "a.b", headers: { a: "b" }, body: Buffer.alloc(10) }), 43 + 4 + 10 + 6 + 2);
});
