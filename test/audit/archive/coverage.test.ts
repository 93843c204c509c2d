import test from "ava";
import { Coverage } from "../../../src/audit/archive/coverage.ts";
import type { Entry } from "../../../src/audit/verify/entry.ts";

function entry(writer: string, seq: number, index?: number): Entry {
  const leaf = index === undefined ? undefined : { index, hash: Buffer.alloc(32), issuedUnder: "" };
  const fields = { eventId: `${writer}-${seq}`, writer, epoch: 1, seq, prevHash: "", hash: `hash ${writer} ${seq}` };
  return { ...fields, leaf } as Entry;
}

/** The mark of a message, whose line begins at ten times its sequence. */
const at = (seq: number) => ({ seq, offset: 10 * seq, before: { seq: seq - 1, sha256: "" } });

test("an event of a log is covered by a checkpoint of its writer that is larger than its index, before it or after", (t) => {
  const coverage = new Coverage();
  coverage.checkpoint({ writer: "a", size: 1 });
  coverage.event(entry("a", 1, 0), at(1));
  t.is(coverage.firstOpen, undefined);
  t.false(coverage.isOpen);
  coverage.event(entry("a", 2, 1), at(2));
  coverage.event(entry("a", 3, 2), at(3));
  t.deepEqual(coverage.firstOpen, at(2));
  coverage.checkpoint({ writer: "b", size: 9 });
  t.deepEqual(coverage.firstOpen, at(2), "the checkpoint of another writer covers nothing");
  coverage.checkpoint({ writer: "a", size: 2 });
  t.deepEqual(coverage.firstOpen, at(3));
  coverage.checkpoint({ writer: "a", size: 3 });
  t.is(coverage.firstOpen, undefined);
  t.deepEqual([...coverage.claims()], [["a", 3]]);
});

test("where the checkpoints of writers lie crosswise, the first event that none covers holds the others", (t) => {
  const coverage = new Coverage();
  coverage.event(entry("a", 1, 0), at(1));
  coverage.event(entry("b", 1, 0), at(2));
  coverage.event(entry("a", 2, 1), at(3));
  coverage.checkpoint({ writer: "a", size: 2 });
  t.deepEqual(coverage.firstOpen, at(2));
  coverage.checkpoint({ writer: "b", size: 1 });
  t.is(coverage.firstOpen, undefined);
});

test("an event without a log is covered up to the known end, once that very event was read", (t) => {
  const end = { epoch: 1, seq: 3, hash: "hash a 3" };
  const coverage = new Coverage(new Map([["a", end]]));
  coverage.event(entry("a", 1), at(1));
  coverage.event(entry("a", 2), at(2));
  t.deepEqual(coverage.firstOpen, at(1));
  t.true(coverage.isOpen, "the end may follow");
  coverage.checkpoint({ writer: "a", size: 9 });
  t.deepEqual(coverage.firstOpen, at(1), "it is in no tree");
  coverage.event({ ...entry("a", 3), hash: "another" }, undefined);
  t.deepEqual(coverage.firstOpen, at(1), "of another history");
  coverage.event(entry("a", 3), undefined);
  t.is(coverage.firstOpen, undefined);
  coverage.event(entry("a", 4), at(4));
  t.deepEqual(coverage.firstOpen, at(4), "behind the end");
  t.false(coverage.isOpen, "nothing that follows can cover it");
});

test("without checkpoints nothing can cover an event of a log, so nothing is waited for", (t) => {
  const coverage = new Coverage(new Map(), false);
  coverage.event(entry("a", 1, 0), at(1));
  t.deepEqual(coverage.firstOpen, at(1));
  t.false(coverage.isOpen);
  const control = new Coverage();
  control.event(entry("a", 1, 0), at(1));
  t.true(control.isOpen, "control");
});

test("an event without a log is never covered without a known end", (t) => {
  const coverage = new Coverage();
  coverage.event(entry("a", 1), at(1));
  t.deepEqual(coverage.firstOpen, at(1));
  t.false(coverage.isOpen);
});
