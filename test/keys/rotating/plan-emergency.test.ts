import test from "ava";
import {
  isVerifiable,
  keyState,
  nextToSign,
  published,
  signer,
  standbyOf,
} from "../../../src/keys/rotating/key-states.ts";
import { planEmergency, planEpoch } from "../../../src/keys/rotating/plan.ts";
import { type EpochRecord, type KeyRecord, NEVER } from "../../../src/keys/rotating/record.ts";
import { applyPlan, day, firstRing, hour, makeRing, minute, policy, start } from "./ring-under-test.ts";

function revoked(ring: EpochRecord, now: number, kid: string | undefined, number = 10): EpochRecord {
  const plan = planEmergency(ring, now, policy, kid ?? "", "stolen");
  return plan === undefined ? ring : applyPlan(plan, number);
}

const now = start + hour;
const [active, waiting, standby] = firstRing().keys as [KeyRecord, KeyRecord, KeyRecord];

test("when the key that signs is revoked, the standby signs at once and a new one is made", (t) => {
  const after = revoked(firstRing(), now, active.kid);
  t.is(after.reason, "emergency");
  t.is(signer(after, now)?.kid, standby.kid);
  t.like(signer(after, now), { publishAt: start, signFrom: now, signUntil: now + day + 5 * minute, since: 1 });
  t.like(standbyOf(after), { publishAt: now, signFrom: NEVER });
  t.is(after.keys.length, 4);
});

test("the key that waits keeps its schedule after an emergency", (t) => {
  const after = revoked(firstRing(), now, active.kid);
  t.deepEqual(nextToSign(after, now), waiting);
  t.is(planEpoch(after, now, policy, true), undefined);
});

test("a revoked key has no private key, verifies nothing, and is in no JWKS", (t) => {
  const after = revoked(firstRing(), now, active.kid);
  const [key] = after.keys as [KeyRecord];
  t.like(key, { kid: active.kid, sealed: undefined, revoked: { at: now, reason: "stolen" } });
  t.is(key.verifyUntil, active.verifyUntil);
  t.false(isVerifiable(after, key, now));
  t.false(published(after, now).includes(key));
  t.is(keyState(after, key, now), "revoked");
});

test("a standby that no verifier may know yet signs all the same: without it every token would be refused", (t) => {
  const after = revoked(firstRing(), start + minute, active.kid);
  t.is(signer(after, start + minute)?.kid, standby.kid);
});

test("in a second emergency within the lead the key that waits signs: it was shown for longer than the new standby", (t) => {
  const once = revoked(firstRing(), now, active.kid);
  const twice = revoked(once, now + minute, standby.kid, 20);
  t.is(signer(twice, now + minute)?.kid, waiting.kid);
  t.like(nextToSign(twice, now + minute), { publishAt: now + minute, signFrom: now + minute + day });
  t.is(standbyOf(twice)?.kid, standbyOf(once)?.kid);
});

test("two emergencies in the same millisecond leave one key that signs, by the later", (t) => {
  const once = revoked(firstRing(), now, active.kid);
  const twice = revoked(once, now, standby.kid, 20);
  t.is(signer(twice, now)?.kid, waiting.kid);
  t.is(planEpoch(twice, now, policy, true), undefined);
});

test("in a ring without a standby a new key signs at once", (t) => {
  const ring = makeRing({ keys: [active] });
  const after = revoked(ring, now, active.kid);
  t.like(signer(after, now), { publishAt: now, signFrom: now });
  t.is(nextToSign(after, now)?.signFrom, now + day);
});

test("when the waiting key is revoked, another one takes over at its time", (t) => {
  const after = revoked(firstRing(), now, waiting.kid);
  t.is(signer(after, now)?.kid, active.kid);
  t.like(nextToSign(after, now), { publishAt: now, signFrom: start + day });
  t.is(standbyOf(after)?.kid, standby.kid);
});

test("when it is revoked so late that no new key could be known in time, the standby takes over at its time", (t) => {
  const late = start + day - minute;
  const after = revoked(firstRing(), late, waiting.kid);
  t.like(nextToSign(after, late), { kid: standby.kid, signFrom: start + day });
  t.like(standbyOf(after), { publishAt: late });
});

test("when the standby is revoked, there is another one, and nothing else changes", (t) => {
  const after = revoked(firstRing(), now, standby.kid);
  t.is(signer(after, now)?.kid, active.kid);
  t.deepEqual(nextToSign(after, now), waiting);
  t.like(standbyOf(after), { publishAt: now });
  t.is(keyState(after, after.keys[2] as KeyRecord, now), "revoked");
});

test("when a retired key is revoked, it verifies no more, and nothing else changes", (t) => {
  const later = start + day + minute;
  const ring = applyPlan(planEpoch(firstRing(), later, policy, true) ?? t.fail(), 4);
  const after = revoked(ring, later, active.kid);
  t.is(signer(after, later)?.kid, waiting.kid);
  t.deepEqual(after.keys.slice(1), ring.keys.slice(1));
  t.false(isVerifiable(after, after.keys[0] as KeyRecord, later));
});

test("what was revoked before stays as it was, and a key that is not there is KEY_NOT_FOUND", (t) => {
  const ring = revoked(firstRing(), now, active.kid);
  t.is(revoked(ring, now + minute, active.kid), ring);
  t.like(
    t.throws(() => revoked(ring, now, "AAAAAAAAAAAAAAAA")),
    { code: "KEY_NOT_FOUND" },
  );
});

test("a revoked key is listed for a day after its tokens are over, a revoked standby for a day", (t) => {
  const ring = revoked(revoked(firstRing(), now, active.kid), now, standbyOf(firstRing())?.kid, 20);
  const listed = (time: number) => {
    const plan = planEpoch({ ...ring, createdAt: time }, time, policy, true);
    return (plan?.keep ?? ring.keys).map(({ kid }) => kid);
  };
  t.true(listed(active.verifyUntil + day - 1).includes(active.kid));
  t.false(listed(active.verifyUntil + day).includes(active.kid));
});

test("a clock that stepped back revokes at the ring's time, and the successor signs at once", (t) => {
  const ahead = applyPlan(planEpoch(firstRing(), start + day, policy, true) ?? t.fail(), 4);
  const after = revoked(ahead, start + hour, waiting.kid);
  t.is(signer(after, start + hour)?.kid, standby.kid);
  t.true(published(after, start + hour).some(({ kid }) => kid === standby.kid));
});
