import test from "ava";
import { signer, standbyOf } from "../../../src/keys/rotating/key-states.ts";
import { planEpoch } from "../../../src/keys/rotating/plan.ts";
import { type EpochRecord, NEVER } from "../../../src/keys/rotating/record.ts";
import { applyPlan, day, firstRing, hour, makeKey, makeRing, minute, policy, start } from "./ring-under-test.ts";

test("the first key of a keyset that no verifier has seen signs at once, its successor a period later", (t) => {
  const plan = planEpoch(undefined, start, policy, false);
  t.is(plan?.epoch, 1);
  t.is(plan?.reason, "first");
  const [first, second, standby, ...more] = plan?.make ?? [];
  t.deepEqual(more, []);
  t.deepEqual(standby, { publishAt: start, signFrom: NEVER, signUntil: NEVER, verifyUntil: NEVER });
  t.deepEqual(first, {
    publishAt: start,
    signFrom: start,
    signUntil: start + day + 5 * minute,
    verifyUntil: start + day + 12 * minute,
  });
  t.is(second?.publishAt, start);
  t.is(second?.signFrom, start + day);
});

test("the first key of a keyset that is added to a shown JWKS waits its lead", (t) => {
  const [first, second] = planEpoch(undefined, start, policy, true)?.make ?? [];
  t.is(first?.signFrom, start + 17 * minute);
  t.is(second?.signFrom, start + 17 * minute + day);
});

test("nothing is due until the second key signs: then the third is published", (t) => {
  const ring = firstRing();
  t.is(planEpoch(ring, start + day - 1, policy, true), undefined);
  const plan = planEpoch(ring, start + day, policy, true);
  t.is(plan?.reason, "scheduled");
  t.is(plan?.epoch, 2);
  t.deepEqual(plan?.keep, ring.keys);
  t.deepEqual(
    plan?.make.map(({ publishAt, signFrom }) => ({ publishAt, signFrom })),
    [{ publishAt: start + day, signFrom: start + 2 * day }],
  );
});

test("a private key is dropped at the moment from which it may not sign, and its key stays", (t) => {
  const ring = applyPlan(planned(firstRing(), start + day), 4);
  const first = ring.keys[0];
  t.is(planEpoch(ring, (first?.signUntil ?? 0) - 1, policy, true), undefined);
  const plan = planEpoch(ring, first?.signUntil ?? 0, policy, true);
  t.is(plan?.reason, "retired");
  t.deepEqual(plan?.make, []);
  t.deepEqual(
    plan?.keep.map((key) => key.sealed !== undefined),
    [false, true, true, true],
  );
  t.is(plan?.keep[0]?.kid, first?.kid);
});

test("the last key that may sign keeps its private key, though one that began after it is over already", (t) => {
  const long = makeKey(1, { signUntil: start + 9 * day, verifyUntil: start + 10 * day });
  const short = makeKey(2, { signFrom: start + hour, signUntil: start + 2 * hour, verifyUntil: start + day });
  const now = start + 3 * hour;
  const plan = planEpoch(makeRing({ keys: [long, short] }), now, policy, true);
  const ring = applyPlan(plan ?? t.fail(), 3);
  t.is(signer(ring, now)?.kid, long.kid);
  t.is(ring.keys.find(({ kid }) => kid === short.kid)?.sealed, undefined);
});

test("a removed key is listed for a day more, and goes with the next epoch that is due", (t) => {
  const { sealed: _, ...gone } = makeKey(9, {
    signUntil: start - 2 * day,
    verifyUntil: start - day,
    signFrom: 1,
    publishAt: 1,
  });
  const ring = firstRing();
  const listing = makeRing({ keys: [gone, ...ring.keys] });
  t.is(planEpoch(listing, start, policy, true), undefined);
  t.deepEqual(planEpoch(listing, start + day, policy, true)?.keep, ring.keys);
  const fresh = { ...gone, verifyUntil: start + 1 };
  t.true(planEpoch(makeRing({ keys: [fresh, ...ring.keys] }), start + day, policy, true)?.keep.includes(fresh));
});

test("in a lapsed ring the standby signs at once: it was shown for longer than its lead", (t) => {
  const late = start + 10 * day;
  const ring = firstRing();
  const plan = planned(ring, late);
  t.is(plan.reason, "lapsed");
  const after = applyPlan(plan, 4);
  t.is(signer(after, late)?.kid, standbyOf(ring)?.kid);
  t.deepEqual(
    plan.make.map(({ signFrom }) => signFrom),
    [late + day, NEVER],
    "the one after it, and a new standby",
  );
  t.is(planEpoch(after, late, policy, true), undefined);
});

test("a standby that was not shown for its lead waits for it in a lapsed ring", (t) => {
  const late = start + 10 * day;
  const keys = firstRing().keys.map((key) => (key.signFrom === NEVER ? { ...key, publishAt: late - minute } : key));
  const after = applyPlan(planned(makeRing({ keys }), late), 4);
  t.is(signer(after, late - minute + policy.lead - 1), undefined);
  t.is(signer(after, late - minute + policy.lead)?.publishAt, late - minute);
  t.is(planEpoch(after, late + policy.lead - minute - 1, policy, true), undefined);
});

test("a ring of before there were standbys gets one, and lapsed, a key that waits its lead", (t) => {
  const keys = firstRing().keys.filter(({ signFrom }) => signFrom !== NEVER);
  const plan = planned(makeRing({ keys }), start);
  t.is(plan.reason, "standby");
  t.deepEqual(plan.keep, keys);
  t.deepEqual(plan.make, [{ publishAt: start, signFrom: NEVER, signUntil: NEVER, verifyUntil: NEVER }]);
  const late = start + 10 * day;
  const lapsed = planned(makeRing({ keys }), late);
  t.is(lapsed.reason, "lapsed");
  t.deepEqual(
    lapsed.make.map(({ signFrom }) => signFrom),
    [late + policy.lead, late + policy.lead + day, NEVER],
  );
});

test("after a downtime in which the next key became due, the standby takes over in time", (t) => {
  const ring = firstRing();
  const late = start + 2 * day - minute;
  const plan = planned(ring, late);
  t.is(plan.reason, "scheduled");
  const promoted = plan.keep.find(({ kid }) => kid === standbyOf(ring)?.kid);
  t.like(promoted, { publishAt: start, signFrom: start + 2 * day });
  t.deepEqual(
    plan.make.map(({ signFrom }) => signFrom),
    [NEVER],
  );
});

test("a ring that lapsed because a clock was ten days ahead continues with its standby when the clock is right again", (t) => {
  const ahead = applyPlan(planned(firstRing(), start + 10 * day), 4);
  t.is(signer(ahead, start + hour)?.kid, standbyOf(firstRing())?.kid);
  t.is(planEpoch(ahead, start + hour, policy, true), undefined);
});

test("of keys that are past the sixteen newest stay listed: an epoch has to fit the store", (t) => {
  const past = Array.from({ length: 20 }, (_, index) => {
    const { sealed: _sealed, ...key } = makeKey(100 + index);
    return { ...key, publishAt: 1, signFrom: 1, signUntil: start - hour, verifyUntil: start + minute + index };
  });
  const keys = [...past, ...firstRing().keys];
  const plan = planned(makeRing({ keys }), start + day);
  t.deepEqual(plan.keep, keys.slice(4));
});

function planned(ring: EpochRecord | undefined, now: number, shown = true) {
  const plan = planEpoch(ring, now, policy, shown);
  if (plan === undefined) throw new Error("the test expects a plan");
  return plan;
}
