import test from "ava";
import { rotationPlan, timeToRotate } from "../../../src/keys/rotating/forecast.ts";
import { nextToSign, signer } from "../../../src/keys/rotating/key-states.ts";
import { planEpoch, planManual } from "../../../src/keys/rotating/plan.ts";
import type { EpochRecord, KeyRecord } from "../../../src/keys/rotating/record.ts";
import { Problem } from "../../../src/problem/problem.ts";
import { applyPlan, day, firstRing, hour, makeKey, makeRing, minute, policy, start } from "./ring-under-test.ts";

const never = () => false;

function rotated(ring: EpochRecord, now: number, at?: number): EpochRecord {
  const plan = planManual(ring, now, policy, timeToRotate(ring, now, policy, at));
  return plan === undefined ? ring : applyPlan(plan, 10);
}

const next = (ring: EpochRecord, now: number): KeyRecord | undefined => nextToSign(ring, now);

test("by hand the next key signs at once when it was shown for its lead, and the one after it is made", (t) => {
  const ring = firstRing();
  const now = start + hour;
  const after = rotated(ring, now);
  t.is(after.reason, "manual");
  t.is(signer(after, now)?.kid, next(ring, now)?.kid);
  t.like(signer(after, now), { publishAt: start, signFrom: now, signUntil: now + day + 5 * minute });
  t.like(next(after, now), { publishAt: now, signFrom: now + day });
  t.is(planEpoch(after, now, policy, true), undefined);
});

test("the previous key keeps its times, and its private key is dropped when the delay is over", (t) => {
  const ring = firstRing();
  const now = start + hour;
  const after = rotated(ring, now);
  t.deepEqual(after.keys[0], ring.keys[0]);
  t.is(planEpoch(after, now + 5 * minute - 1, policy, true), undefined);
  const dropped = planEpoch(after, now + 5 * minute, policy, true);
  t.is(dropped?.reason, "retired");
  const { sealed: _, ...half } = ring.keys[0] ?? makeKey(0);
  t.deepEqual(dropped?.keep[0], half);
});

test("before the lead is over it takes over at the end of the lead, and a second request changes nothing", (t) => {
  const now = start + minute;
  const after = rotated(firstRing(), now);
  t.is(signer(after, now)?.kid, after.keys[0]?.kid);
  t.is(next(after, now)?.signFrom, start + policy.lead);
  t.is(signer(after, start + policy.lead)?.kid, after.keys[1]?.kid);
  t.is(rotated(after, now + 1), after);
});

test("a time before the earliest safe one is TOO_EARLY, to the millisecond, with that time", (t) => {
  const ring = firstRing();
  const earliest = start + policy.lead;
  t.is(next(rotated(ring, start, earliest), start)?.signFrom, earliest);
  const error = t.throws(() => timeToRotate(ring, start, policy, earliest - 1), { instanceOf: Problem });
  t.is(error?.code, "TOO_EARLY");
  t.deepEqual(error?.metadata, { earliest_at: new Date(earliest).toISOString() });
  t.regex(error?.message ?? "", new RegExp(`earliest safe time is ${new Date(earliest).toISOString()}`));
});

test("the past is TOO_EARLY even for a key that may sign now", (t) => {
  const error = t.throws(() => timeToRotate(firstRing(), start + hour, policy, start + hour - 1));
  t.like(error, { code: "TOO_EARLY" });
});

test("the scheduled time may be requested, and a later one is refused: the previous key could not sign for the delay", (t) => {
  const ring = firstRing();
  t.is(rotated(ring, start, start + day), ring);
  const error = t.throws(() => timeToRotate(ring, start, policy, start + day + 1), { instanceOf: Problem });
  t.is(error?.code, "INVALID_REQUEST");
  t.deepEqual(error?.violations, [
    {
      field: "at",
      description: `must not be after ${new Date(start + day).toISOString()}: the next key takes over then anyway`,
    },
  ]);
});

test("a rotation every quarter of an hour has to wait once forty keys verify, until there is room", (t) => {
  let ring = firstRing();
  let now = start;
  let waited = 0;
  while (waited <= policy.lead) {
    const { at } = timeToRotate(ring, now, policy, undefined);
    ring = rotated(ring, now);
    ring = applyPlan(planEpoch(ring, at, policy, true) ?? { ...ring, keep: ring.keys, make: [] }, 1000 + ring.epoch);
    waited = at - now;
    now = at;
  }
  const verifying = ring.keys.filter(({ verifyUntil }) => verifyUntil > now && verifyUntil < now + 10 * day);
  t.true(verifying.length <= 41, `${verifying.length}`);
  t.true(now - start > 30 * policy.lead);
});

test("the plan shows which key signs, which is next and how early, the standby and since when it is ready", (t) => {
  const ring = firstRing();
  const [first, second, standby] = ring.keys.map(({ kid }) => kid);
  t.like(rotationPlan(ring, start, policy, never), {
    activeKid: first,
    next: { kid: second, at: start + day, earliest: start + policy.lead },
    standby: { kid: standby, readyAt: start + policy.lead },
  });
  t.like(rotationPlan(ring, start + hour, policy, never), {
    next: { earliest: start + hour },
    standby: { readyAt: start + hour },
  });
});

test("the plan names every bound with its value and its limit", (t) => {
  const { bounds } = rotationPlan(firstRing(), start, policy, never);
  t.deepEqual(
    bounds.map(({ name, value, bound }) => [name, value / minute, bound / minute]),
    [
      ["lead", 17, 17],
      ["jwks_max_age", 15, 15],
      ["overlap", 5, 5],
      ["verify", 7, 7],
      ["period", 24 * 60, 22],
    ],
  );
});

test("a ring in which nothing waits has nothing to rotate", (t) => {
  t.like(
    t.throws(() => timeToRotate(makeRing(), start, policy, undefined)),
    { code: "NO_SIGNING_KEY" },
  );
  t.is(rotationPlan(makeRing(), start, policy, never).next, undefined);
});
