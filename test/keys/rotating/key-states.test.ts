import test from "ava";
import {
  isVerifiable,
  keyState,
  nextChange,
  nextRotation,
  published,
  signer,
} from "../../../src/keys/rotating/key-states.ts";
import { day, hour, makeKey, makeRing, minute, start } from "./ring-under-test.ts";

const old = makeKey(1);
const next = makeKey(2, {
  signFrom: start + day,
  signUntil: start + 2 * day + 5 * minute,
  verifyUntil: start + 2 * day + 12 * minute,
});
const ring = makeRing({ keys: [old, next] });
const states = (now: number): string[] => ring.keys.map((key) => keyState(ring, key, now));

test("each key goes from published to active, retired and removed, to the millisecond", (t) => {
  t.deepEqual(states(start), ["active", "published"]);
  t.deepEqual(states(start + day - 1), ["active", "published"]);
  t.deepEqual(states(start + day), ["retired", "active"]);
  t.deepEqual(states(old.verifyUntil - 1), ["retired", "active"]);
  t.deepEqual(states(old.verifyUntil), ["removed", "active"]);
  t.deepEqual(states(next.signUntil), ["removed", "retired"]);
  t.deepEqual(states(next.verifyUntil), ["removed", "removed"]);
});

test("the key that signs is the newest that may, and nothing signs in a lapsed ring", (t) => {
  t.is(signer(ring, start + day - 1), old);
  t.is(signer(ring, start + day), next);
  t.is(signer(ring, next.signUntil - 1), next);
  t.is(signer(ring, next.signUntil), undefined);
});

test("a key without its private key does not sign, and verifies", (t) => {
  const { sealed: _, ...spent } = old;
  const lone = makeRing({ keys: [spent] });
  t.is(signer(lone, start), undefined);
  t.true(isVerifiable(lone, spent, start));
});

test("the JWKS holds every key until it verifies no more, the newest first", (t) => {
  t.deepEqual(published(ring, start), [next, old]);
  t.deepEqual(published(ring, old.verifyUntil - 1), [next, old]);
  t.deepEqual(published(ring, old.verifyUntil), [next]);
});

test("a key that is published later is neither shown nor verified before", (t) => {
  const later = makeKey(3, { publishAt: start + hour, signFrom: start + day });
  const waiting = makeRing({ keys: [old, later] });
  t.deepEqual(published(waiting, start + hour - 1), [old]);
  t.deepEqual(published(waiting, start + hour), [later, old]);
});

test("when the clock steps back behind the epoch, the key signs that the epoch proves to be the one", (t) => {
  const { sealed: _, ...spent } = old;
  const after = makeRing({ keys: [spent, next], createdAt: old.signUntil });
  t.is(signer(after, start + hour), next);
  t.deepEqual(published(after, start + hour), [next, spent]);
});

test("when an epoch was made by a clock far ahead at which nothing signs, the present time counts", (t) => {
  const wrong = makeRing({ keys: [old], createdAt: start + 10 * day });
  t.is(signer(wrong, start + hour), old);
});

test("the next change is the first time in the ring that is still in the future", (t) => {
  t.is(nextChange(ring, start), start + day);
  t.is(nextChange(ring, start + day), old.signUntil);
  t.is(nextChange(ring, old.signUntil), old.verifyUntil);
  t.is(nextChange(ring, next.verifyUntil), Infinity);
});

test("the next rotation is the time at which the waiting key takes over", (t) => {
  t.is(nextRotation(ring, start), start + day);
  t.is(nextRotation(ring, start + day), undefined);
});
