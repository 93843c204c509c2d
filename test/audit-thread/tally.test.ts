import test from "ava";
import type { AuditEvent, TimedEvent } from "../../src/audit/event.ts";
import type { KeyCount } from "../../src/audit/events/signatures.ts";
import type { SignedCounts } from "../../src/audit/pipeline.ts";
import { Tally } from "../../src/audit-thread/tally.ts";
import { issued, TIME } from "../support/files/spool-fixture.ts";

const FIRST = { writer: "w", epoch: 1 };
const token = (keyId: string): AuditEvent => ({
  ...(issued(0) as Extract<AuditEvent, { type: "token.issued" }>),
  keyId,
});
const items = (...events: AuditEvent[]): TimedEvent[] => events.map((event) => [event, TIME]);
const signed = (kid: string, signed: number, more = {}): SignedCounts =>
  new Map([[kid, { signed, selfTests: 0, unrecorded: 0, ...more }]]);
const addsUp = ({ signed, issued, unrecorded, selfTests, inFlight }: KeyCount) =>
  signed === issued + unrecorded + selfTests + inFlight;

test("every signature is issued, unrecorded, a self-test or in flight", (t) => {
  const tally = new Tally();
  const [one, two, three] = [token("k"), token("k"), token("k")];
  tally.received(items(one, two, three));
  const count = tally.counting(signed("k", 6, { selfTests: 2, unrecorded: 1 }));
  tally.stored([one], FIRST);
  tally.refused(two);
  const [told] = count(FIRST);
  t.deepEqual(told, { keyId: "k", signed: 6, issued: 1, withheld: 0, unrecorded: 2, selfTests: 2, inFlight: 1 });
  t.true(told !== undefined && addsUp(told));
});

test("what is signed while a count waits for its place is counted where its event is", (t) => {
  const tally = new Tally();
  const count = tally.counting(signed("k", 0));
  tally.received(items(token("k"), token("k")));
  tally.stored([token("k")], FIRST);
  t.like(count(FIRST)[0], { signed: 2, issued: 1, inFlight: 1 });
});

test("negative control: a signature without an event does not add up", (t) => {
  const tally = new Tally();
  tally.received(items(token("k")));
  tally.stored([token("k")], FIRST);
  const [told] = tally.counting(signed("k", 2))(FIRST);
  t.false(told !== undefined && addsUp(told));
});

test("a withheld token is among the issued", (t) => {
  const tally = new Tally();
  tally.received(items(token("k")));
  const withheld = { ...token("k"), type: "token.withheld", reason: "CALL_ENDED" } as AuditEvent;
  tally.stored([token("k"), withheld], FIRST);
  const [told] = tally.counting(signed("k", 1))(FIRST);
  t.like(told, { signed: 1, issued: 1, withheld: 1 });
});

test("a key that has not signed since it was told is not told again", (t) => {
  const tally = new Tally();
  tally.received(items(token("k")));
  tally.stored([token("k")], FIRST);
  const counts = tally.counting(signed("k", 1))(FIRST);
  t.is(counts.length, 1);
  tally.told(counts);
  t.deepEqual(tally.counting(signed("k", 1))(FIRST), []);
  t.is(tally.counting(signed("k", 2))(FIRST).length, 1);
});

for (const next of [
  { writer: "w", epoch: 2 },
  { writer: "other", epoch: 1 },
])
  test(`counts begin again with epoch ${next.epoch} of ${next.writer}, and what was in flight counts there`, (t) => {
    const tally = new Tally();
    tally.received(items(token("k"), token("k")));
    tally.stored([token("k")], FIRST);
    tally.told(tally.counting(signed("k", 3, { selfTests: 1 }))(FIRST));
    tally.stored([token("k")], next);
    const [told] = tally.counting(signed("k", 3, { selfTests: 1 }))(next);
    t.like(told, { signed: 2, issued: 1, selfTests: 1, inFlight: 0 });
    t.true(told !== undefined && addsUp(told));
  });
