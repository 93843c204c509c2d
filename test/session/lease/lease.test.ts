import test from "ava";
import { decodeLease, encodeLease, type Lease, renewed } from "../../../src/session/lease/lease.ts";

const OWNER = { caller: "c", gateway: "g" };
const STORED: Lease = { ...OWNER, leaseId: "a", durationMs: 30_000, lapsed: false, graceMs: 7 };
const asked = (leaseId: string, durationMs?: number) => ({ ...OWNER, leaseId, durationMs, newId: "new" });
const NORMAL = { begins: true, settling: false, graceMs: 0 };
const SETTLING = { ...NORMAL, settling: true };

test("a lease that is held goes on, and one that has lapsed is followed by another", (t) => {
  t.deepEqual(renewed(STORED, asked("a"), NORMAL), STORED);
  t.is(renewed({ ...STORED, lapsed: true }, asked("a"), NORMAL).leaseId, "new");
  t.is(renewed(undefined, asked("a"), NORMAL).leaseId, "new");
});

test("a gateway that holds none begins another by a renewal, and shares the present one by an open", (t) => {
  t.is(renewed(STORED, asked(""), NORMAL).leaseId, "new");
  t.is(renewed(STORED, asked(""), { ...NORMAL, begins: false }).leaseId, "a");
});

test("a lease becomes longer, never shorter: the gateway may not have got the answer", (t) => {
  t.is(renewed(STORED, asked("a", 60_000), NORMAL).durationMs, 60_000);
  t.is(renewed(STORED, asked("a", 5_000), NORMAL).durationMs, 30_000);
  t.is(renewed(STORED, asked("", 5_000), NORMAL).durationMs, 5_000);
});

test("while a store settles, gateways say which lease they hold; one that has lapsed never returns", (t) => {
  t.is(renewed(undefined, asked("a"), SETTLING).leaseId, "a");
  t.is(renewed(STORED, asked("b"), SETTLING).leaseId, "b");
  t.is(renewed({ ...STORED, lapsed: true }, asked("a"), SETTLING).leaseId, "new");
});

test("what was written is read, and nothing else", (t) => {
  t.deepEqual(decodeLease(encodeLease(STORED)), STORED);
  for (const text of ["", "{}", '{"leaseId":1}']) t.is(decodeLease(Buffer.from(text)), undefined);
});
