import test from "ava";
import { createContact } from "../../src/replica/contact.ts";

const HOUR = 3_600_000;

function contactAt(lastHeard: number | undefined) {
  const time = { wall: 1_800_000_000_000, steady: 5_000 };
  const contact = createContact({
    now: () => time.wall,
    monotonic: () => time.steady,
    lastHeard: lastHeard === undefined ? undefined : time.wall + lastHeard,
    maxOfflineMs: HOUR,
  });
  const pass = (ms: number) => {
    time.wall += ms;
    time.steady += ms;
  };
  return { contact, time, pass };
}

test("a store that was never heard of is too long ago, until it is heard of", (t) => {
  const { contact } = contactAt(undefined);
  t.is(contact.ageMs(), Infinity);
  t.true(contact.tooLongAgo);
  contact.renew();
  t.is(contact.ageMs(), 0);
  t.false(contact.tooLongAgo);
});

test("the age grows until the store is heard of again, and beyond max_offline it is too long ago", (t) => {
  const { contact, pass } = contactAt(undefined);
  contact.renew();
  pass(HOUR);
  t.is(contact.ageMs(), HOUR);
  t.false(contact.tooLongAgo);
  pass(1);
  t.true(contact.tooLongAgo);
  contact.renew();
  t.false(contact.tooLongAgo);
});

test("a start continues from the time of the last contact with the store", (t) => {
  const { contact, pass } = contactAt(-HOUR + 10);
  t.false(contact.tooLongAgo);
  pass(11);
  t.is(contact.ageMs(), HOUR + 1);
  t.true(contact.tooLongAgo);
});

test("a clock that shows less than it did then says nothing about how long ago it is", (t) => {
  const { contact } = contactAt(1);
  t.is(contact.ageMs(), Infinity);
  t.true(contact.tooLongAgo);
});

test("setting the clock back does not extend the time", (t) => {
  const { contact, time, pass } = contactAt(undefined);
  contact.renew();
  pass(HOUR + 1);
  time.wall -= 2 * HOUR;
  t.is(contact.ageMs(), HOUR + 1);
  t.true(contact.tooLongAgo);
});

test("a machine that slept, whose monotonic clock stood still, learns from the wall clock how old its view is", (t) => {
  const { contact, time } = contactAt(undefined);
  contact.renew();
  time.wall += 2 * HOUR;
  t.is(contact.ageMs(), 2 * HOUR);
  t.true(contact.tooLongAgo);
  contact.renew();
  t.is(contact.ageMs(), 0, "whatever the clock says");
});
