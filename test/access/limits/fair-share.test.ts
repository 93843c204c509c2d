import test from "ava";
import { createFairShare, type SpoolFill } from "../../../src/access/limits/fair-share.ts";

const SECOND = 1e9;
const fill = (part: number, events = 1_000): SpoolFill => ({ events, bytes: part * 1e6, limitBytes: 1e6 });

function shareOf(...callers: string[]) {
  const share = createFairShare();
  for (const caller of callers) share.seen(caller, 0);
  return share;
}

test("up to four fifths of the spool nobody has a share", (t) => {
  t.is(shareOf("a", "b").rate(fill(0.799), 0), undefined);
  t.truthy(shareOf("a", "b").rate(fill(0.8), 0));
});

test("a caller that is alone has all that is left", (t) => {
  t.is(shareOf("a", "a").rate(fill(0.99), 0), undefined);
});

test("what is left lasts ten minutes, in equal shares", (t) => {
  // 1000 events of 900 bytes leave room for 111.1 events.
  const rate = shareOf("a", "b").rate(fill(0.9), 0);
  const eachInTenMinutes = (600 * SECOND) / (rate?.intervalNs ?? 0);
  t.true(Math.abs(2 * eachInTenMinutes - 111.1) < 0.1, `${eachInTenMinutes}`);
  const four = shareOf("a", "b", "c", "d").rate(fill(0.9), 0);
  t.is(four?.intervalNs, 2 * (rate?.intervalNs ?? 0));
});

test("a full spool leaves a share that is hardly one", (t) => {
  t.is(shareOf("a", "b").rate(fill(1.2), 0)?.intervalNs, 1_200 * SECOND);
});

test("a caller that issues nothing for two minutes has no share any more", (t) => {
  const share = shareOf("a", "b");
  share.seen("a", 59 * SECOND);
  t.truthy(share.rate(fill(0.9), 59 * SECOND));
  share.seen("a", 61 * SECOND);
  t.truthy(share.rate(fill(0.9), 119 * SECOND), "b was seen in the last two minutes");
  share.seen("a", 121 * SECOND);
  t.is(share.rate(fill(0.9), 122 * SECOND), undefined);
});

test("after a pause of all callers nobody has a share", (t) => {
  t.is(shareOf("a", "b").rate(fill(0.9), 1_000 * SECOND), undefined);
});
