import test from "ava";
import { createUuidV7Generator } from "../../src/audit/event-id.ts";

test("an id has the layout of RFC 9562, 5.7: time, version 7, variant 10, and the rest random", (t) => {
  const newId = createUuidV7Generator((bytes) => bytes.fill(0xff));
  t.is(newId(0x017f22e279b0), "017f22e2-79b0-7fff-bfff-ffffffffffff");
  const zeros = createUuidV7Generator((bytes) => bytes.fill(0));
  t.is(zeros(0x017f22e279b0), "017f22e2-79b0-7000-8000-000000000000");
});

test("100 000 ids of one millisecond are all different", (t) => {
  const newId = createUuidV7Generator();
  const ids = new Set(Array.from({ length: 100_000 }, () => newId(1_790_000_000_000)));
  t.is(ids.size, 100_000);
});
